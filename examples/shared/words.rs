//! Numbers and paragraphs of plain text.

/// Width of the report.
const WIDTH: usize = 100;

/// A headline and what stands under it.
pub(crate) fn section(headline: &str, body: &str) -> String {
    let headline = printable(headline);
    format!("{headline}\n{}\n{}\n\n", "=".repeat(headline.chars().count()), body.trim_end())
}

/// A text in lines of the report's width, all indented.
pub(crate) fn paragraph(indent: usize, text: &str) -> String {
    hanging(&" ".repeat(indent), indent, text)
}

/// A text in lines, the first after `start`, the others indented.
pub(crate) fn hanging(start: &str, indent: usize, text: &str) -> String {
    let text = printable(text);
    let mut lines = String::new();
    let mut line = start.to_owned();
    let mut is_new = true;
    for word in text.split_whitespace() {
        if !is_new && line.chars().count() + 1 + word.chars().count() > WIDTH {
            lines += line.trim_end();
            lines.push('\n');
            line = " ".repeat(indent);
            is_new = true;
        }
        if !is_new {
            line.push(' ');
        }
        line += word;
        is_new = false;
    }
    lines + line.trim_end() + "\n"
}

/// A text without characters that steer a terminal or turn the direction of writing: names from files may
/// hold them.
fn printable(text: &str) -> String {
    let is_plain =
        |c: char| !matches!(c, '\u{202a}'..='\u{202e}') && (c.is_whitespace() || !c.is_control());
    text.chars().map(|c| if is_plain(c) { c } else { '\u{fffd}' }).collect()
}

/// A count with its thousands apart: `47,703`.
pub(crate) fn count(n: usize) -> String {
    let digits = n.to_string();
    let mut text = String::new();
    for (place, digit) in digits.chars().enumerate() {
        if place > 0 && (digits.len() - place).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// A count of things: `1 person`, `47,703 events`.
pub(crate) fn several(n: usize, one: &str, many: &str) -> String {
    format!("{} {}", count(n), if n == 1 { one } else { many })
}

/// A sentence with its first letter in upper case.
pub(crate) fn capitalised(text: &str) -> String {
    let mut letters = text.chars();
    letters.next().map_or_else(String::new, |first| first.to_uppercase().chain(letters).collect())
}

/// A number in four significant digits at least: `1234568`, `12.35`, `0.001235`.
pub(crate) fn number(value: f64) -> String {
    let magnitude = value.abs();
    if value == 0.0 {
        return "0".into();
    }
    if !(1e-4..1e9).contains(&magnitude) {
        return format!("{value:.3e}");
    }
    let decimals = (3 - magnitude.log10().floor() as i32).max(0) as usize;
    let text = format!("{value:.decimals$}");
    match text.contains('.') {
        true => text.trim_end_matches('0').trim_end_matches('.').to_owned(),
        false => text,
    }
}

/// A share in percent as the library tells it: two significant digits; only 0% and 100% are exact.
pub(crate) fn percent(share: f64) -> String {
    match 100.0 * share {
        percent if percent <= 0.0 => "0%".into(),
        percent if percent < 0.1 => "under 0.1%".into(),
        percent if percent < 0.995 => format!("{}%", number((percent * 100.0).round() / 100.0)),
        percent if percent < 9.95 => format!("{}%", number((percent * 10.0).round() / 10.0)),
        percent if (99.5..100.0).contains(&percent) => "over 99%".into(),
        percent => format!("{percent:.0}%"),
    }
}

/// `a`, `a and b`, `a, b and c`.
pub(crate) fn list(words: &[String]) -> String {
    match words {
        [] => String::new(),
        [only] => only.clone(),
        [most @ .., last] => format!("{} and {last}", most.join(", ")),
    }
}
