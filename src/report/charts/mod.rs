//! Charts as SVG. Each takes plain numbers and labels; the page says what they mean.

mod bars;
mod blades;
mod frame;
mod heat;
mod lines;
mod map;
mod mixtures;

pub(crate) use bars::{Bar, BarSide, bars};
pub(crate) use blades::{Blade, blades};
pub use frame::Chart;
pub(crate) use frame::{STYLE, group_class};
pub(crate) use heat::heat;
pub(crate) use lines::{Trace, lines};
pub(crate) use map::map;
pub(crate) use mixtures::mixtures;
