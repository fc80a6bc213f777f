//! Numbers as people write them: `1.234,50 €`, `(12.50)`, `1'234.50 CHF`.
//!
//! How a column is written is decided once, from all of its cells, never cell by cell: `1,234` alone
//! could be a thousand or a little more than one.

use super::texts::Texts;

/// What separates whole numbers from decimals.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum Decimal {
    /// 1,234.50
    Point,
    /// 1.234,50
    Comma,
}

impl Decimal {
    /// What a column's cells are written with. Cells that would be a number either way do not count;
    /// if no cell decides, it is a comma in files with semicolons between the cells, else a point.
    pub(crate) fn of(texts: &Texts, delimiter: u8) -> Self {
        let (mut points, mut commas) = (0usize, 0usize);
        let decides = |text: &&str| text.contains([',', '.']);
        for text in texts.iter().flatten().filter(decides) {
            match (number(text, Self::Point), number(text, Self::Comma)) {
                (Some(_), None) => points += 1,
                (None, Some(_)) => commas += 1,
                _ => {}
            }
        }
        match points.cmp(&commas) {
            std::cmp::Ordering::Greater => Self::Point,
            std::cmp::Ordering::Less => Self::Comma,
            std::cmp::Ordering::Equal if delimiter == b';' => Self::Comma,
            std::cmp::Ordering::Equal => Self::Point,
        }
    }
}

/// A number, with a sign of a currency or its three letters before or after it, and with spaces,
/// apostrophes, commas or points between groups of three digits. Parentheses are a minus sign.
pub(crate) fn number(text: &str, decimal: Decimal) -> Option<f64> {
    let text = text.trim();
    // As programs write numbers, 1.5e-05 too.
    let is_plain = |byte: u8| matches!(byte, b'0'..=b'9' | b'.' | b'-' | b'+' | b'e' | b'E');
    if decimal == Decimal::Point
        && text.bytes().all(is_plain)
        && let Some(value) = text.parse().ok().filter(|value: &f64| value.is_finite())
    {
        return Some(value);
    }
    let (text, in_parentheses) = match text.strip_prefix('(').and_then(|t| t.strip_suffix(')')) {
        Some(inner) => (inner, true),
        None => (text, false),
    };
    let is_sign = |c: char| matches!(c, '$' | '£' | '¥' | '¢' | '\u{20a0}'..='\u{20cf}');
    let mut minus = in_parentheses;
    let mut bare = String::with_capacity(text.len());
    for c in text.chars().filter(|&c| !c.is_whitespace() && !is_sign(c)) {
        match c {
            '-' | '\u{2212}' if !minus => minus = true,
            '-' | '\u{2212}' => return None,
            _ => bare.push(c),
        }
    }
    let digits = bare.trim_start_matches('+');
    let digits = strip_letters(digits);
    let (point, group) = match decimal {
        Decimal::Point => ('.', ','),
        Decimal::Comma => (',', '.'),
    };
    let (whole, fraction) = match digits.split_once(point) {
        Some((whole, fraction)) => (whole, Some(fraction)),
        None => (digits, None),
    };
    let is_digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
    let whole = ungrouped(whole, group)?;
    let fraction = fraction.unwrap_or_default();
    if !is_digits(fraction) || whole.len() + fraction.len() == 0 {
        return None;
    }
    let value: f64 = format!("{whole}.{fraction}0").parse().ok()?;
    Some(if minus { -value } else { value }).filter(|value| value.is_finite())
}

/// A currency's three letters, or `kr`, removed from one end.
fn strip_letters(text: &str) -> &str {
    let is_letter = |c: char| c.is_alphabetic();
    let n_before = text.chars().take_while(|&c| is_letter(c)).count();
    let n_after = text.chars().rev().take_while(|&c| is_letter(c)).count();
    match (n_before, n_after) {
        (1..=3, 0) => text.trim_start_matches(is_letter),
        (0, 1..=3) => text.trim_end_matches(is_letter),
        _ => text,
    }
}

/// The digits of a whole number: groups of three, apart from the first, or no groups at all.
fn ungrouped(text: &str, group: char) -> Option<String> {
    let is_group = |c: char| c == group || c == '\'' || c == '’';
    let mut parts = text.split(is_group);
    let first = parts.next()?;
    let is_digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
    let mut whole = first.to_owned();
    let mut has_groups = false;
    for part in parts {
        if part.len() != 3 {
            return None;
        }
        has_groups = true;
        whole += part;
    }
    let first_is_right = !has_groups || (1..=3).contains(&first.len());
    (first_is_right && is_digits(&whole)).then_some(whole)
}
