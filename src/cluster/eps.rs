//! What an `eps` may be, for every method that takes one.

use crate::{Error, Result};

pub(super) fn check_eps(eps: f64) -> Result<()> {
    if eps > 0.0 && eps.is_finite() {
        return Ok(());
    }
    Err(Error::parameter("eps", "above 0 and finite", eps))
}
