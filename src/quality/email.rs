//! Whether a text has the form of an e-mail address.
//!
//! `local@host`: the local part is 1 to 64 bytes of letters, digits and ``!#$%&'*+/=?^_`{|}~-``,
//! with single dots between; the host has at least two names of letters, digits and hyphens that
//! neither begin nor end in a hyphen, and the last of them is not a number; 254 bytes in all. Letters
//! of any script will do. Source: RFC 5321 and 5322 without quoted names, comments and addresses
//! in digits, which almost only ever are errors.

/// Whether a text has the form of an e-mail address.
pub(super) fn is_form_of(text: &str) -> bool {
    let Some((local, host)) = text.rsplit_once('@') else { return false };
    text.len() <= 254 && local.len() <= 64 && is_local(local) && is_host(host)
}

fn is_local(local: &str) -> bool {
    let is_part = |c: char| c.is_alphanumeric() || "!#$%&'*+/=?^_`{|}~-".contains(c);
    local.split('.').all(|part| !part.is_empty() && part.chars().all(is_part))
}

fn is_host(host: &str) -> bool {
    let is_name = |name: &str| {
        !name.is_empty()
            && !name.starts_with('-')
            && !name.ends_with('-')
            && name.chars().all(|c| c.is_alphanumeric() || c == '-')
    };
    let is_number = |name: &str| name.bytes().all(|b| b.is_ascii_digit());
    host.split('.').all(is_name) && host.rsplit_once('.').is_some_and(|(_, top)| !is_number(top))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_told_from_what_people_write_instead() {
        for good in [
            "ann@example.org",
            "ann.o'neil+news@mail.example.co.uk",
            "A_1@x-y.io",
            "jürgen@bücher.example",
        ] {
            assert!(is_form_of(good), "{good}");
        }
        let long = format!("{}@example.org", "a".repeat(65));
        for bad in [
            "",
            "@",
            "ann",
            "ann@",
            "@example.org",
            "ann@example",
            "ann@example.",
            "ann@.org",
            "ann@@example.org",
            "a@b@example.org",
            "ann @example.org",
            " ann@example.org",
            "ann@example.org,bob@example.org",
            ".ann@example.org",
            "ann.@example.org",
            "a..b@example.org",
            "ann@exa mple.org",
            "ann@-example.org",
            "ann@127.0.0.1",
            "ann@example.org\n",
            "n/a",
            "none@none",
            &long,
        ] {
            assert!(!is_form_of(bad), "{bad}");
        }
    }
}
