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

/// A number, with one sign and one currency before or after it, and with spaces, apostrophes, commas or
/// points between groups of three digits. Parentheses are a minus sign. A percent sign may follow.
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
    let (point, group) = match decimal {
        Decimal::Point => ('.', ','),
        Decimal::Comma => (',', '.'),
    };
    let starts = |c: char| c.is_ascii_digit() || c == point;
    let (start, end) = (text.find(starts)?, text.rfind(starts)? + 1);
    let [before, after] = [&text[..start], &text[end..]].map(Around::of);
    let (before, after) = (before?, after?);
    let n_signs = before.n_signs + after.n_signs + usize::from(in_parentheses);
    // 65+ is a bracket of ages.
    let is_open = text[end..].contains('+');
    if n_signs > 1 || is_open || before.n_units + after.n_units > 1 || before.is_percent {
        return None;
    }
    let minus = before.is_minus || after.is_minus || in_parentheses;
    let (whole, fraction) = text[start..end].split_once(point).unwrap_or((&text[start..end], ""));
    let whole = ungrouped(whole, group)?;
    if !is_digits(fraction) || whole.len() + fraction.len() == 0 {
        return None;
    }
    let value: f64 = format!("{whole}.{fraction}0").parse().ok()?;
    Some(if minus { -value } else { value }).filter(|value| value.is_finite())
}

/// What stands before the digits or after them.
struct Around {
    n_signs: usize,
    is_minus: bool,
    n_units: usize,
    is_percent: bool,
}

impl Around {
    /// `None` if it holds anything but signs, a currency, a percent sign and spaces.
    fn of(text: &str) -> Option<Self> {
        let is_sign = |c: char| matches!(c, '+' | '-' | '\u{2212}');
        let n_signs = text.chars().filter(|&c| is_sign(c)).count();
        let is_minus = n_signs > 0 && !text.contains('+');
        let unit = text.trim_matches(|c: char| c.is_whitespace() || is_sign(c));
        let is_known = unit.is_empty() || unit == "%" || is_currency(unit);
        let (n_units, is_percent) = (usize::from(!unit.is_empty()), unit == "%");
        is_known.then_some(Self { n_signs, is_minus, n_units, is_percent })
    }
}

/// Letters that stand for a currency: ISO 4217, but for ALL and TOP, which are words; and what shops write.
const CURRENCIES: &str = "AED AFN AMD ANG AOA ARS AUD AWG AZN BAM BBD BDT BGN BHD BIF BMD BND BOB BRL BSD \
    BTN BWP BYN BZD CAD CDF CHF CLP CNY COP CRC CUP CVE CZK DJF DKK DOP DZD EGP ERN ETB EUR FJD FKP \
    GBP GEL GHS GIP GMD GNF GTQ GYD HKD HNL HRK HTG HUF IDR ILS INR IQD IRR ISK JMD JOD JPY KES KGS \
    KHR KMF KPW KRW KWD KYD KZT LAK LBP LKR LRD LSL LYD MAD MDL MGA MKD MMK MNT MOP MRU MUR MVR MWK \
    MXN MYR MZN NAD NGN NIO NOK NPR NZD OMR PAB PEN PGK PHP PKR PLN PYG QAR RON RSD RUB RWF SAR SBD \
    SCR SDG SEK SGD SHP SLE SOS SRD SSP STN SVC SYP SZL THB TJS TMT TND TRY TTD TWD TZS UAH UGX USD \
    UYU UZS VES VND VUV WST XAF XCD XOF XPF YER ZAR ZMW Euro euro kr kr. Kč Fr Fr. Ft zł lei лв руб Rs Rs. R$ \
    A$ C$ HK$ NZ$ S$ US$";

fn is_currency(text: &str) -> bool {
    let is_symbol = |c: char| matches!(c, '$' | '£' | '¥' | '¢' | '\u{20a0}'..='\u{20cf}');
    let mut letters = text.chars();
    let is_one_symbol = letters.next().is_some_and(is_symbol) && letters.next().is_none();
    let upper = text.to_ascii_uppercase();
    let is_code = |known: &str| known == text || (known == upper && text.is_ascii());
    is_one_symbol || CURRENCIES.split_whitespace().any(is_code)
}

fn is_digits(text: &str) -> bool {
    text.bytes().all(|byte| byte.is_ascii_digit())
}

/// The digits of a whole number: groups of three, apart from the first, or no groups at all.
fn ungrouped(text: &str, group: char) -> Option<String> {
    let is_group = |c: char| c == group || c == '\'' || c == '’' || c.is_whitespace();
    let mut parts = text.split(is_group);
    let first = parts.next()?;
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
