//! Categories that are ordered by their form: "Under 15K" < "15-24K" < "250K+".
//!
//! A level is read as an interval of numbers: a number (`3`), a range (`15-24K`, `19 to 24`), or
//! an open end (`Under 15K`, `<18`, `5+`, `over 65`, `65 and over`). Numbers may carry thousands
//! commas, a multiplier `K`, `M` or `B`, and one of `% $ € £`; a multiplier at the end of a range
//! holds for both ends. A column is ordered only if *every* level reads so, all signs agree, and
//! the intervals follow one another without overlap. Anything else ("2 Adults", "01234", "large")
//! leaves the whole column unordered: a wrong order is worse than none.
//!
//! Only the order is used. What lies between the levels, and how wide the open ends are, is not.

/// The numbers a level stands for; its ends may be infinite.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Interval {
    low: f64,
    high: f64,
    sign: Option<char>,
}

/// A number as written.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Number {
    digits: f64,
    multiplier: Option<f64>,
    sign: Option<char>,
}

const BELOW_FIRST: [&str; 7] = ["under", "below", "less than", "up to", "<=", "<", "≤"];
const ABOVE_FIRST: [&str; 7] = ["over", "above", "more than", "at least", ">=", ">", "≥"];
const BELOW_LAST: [&str; 5] = ["and under", "and below", "and younger", "or less", "or under"];
const ABOVE_LAST: [&str; 7] =
    ["+", "plus", "and over", "and above", "and older", "or more", "or over"];
const BETWEEN: [&str; 4] = ["-", "–", "—", " to "];
const SIGNS: [char; 4] = ['%', '$', '€', '£'];

/// Longest run of digits that is still an amount and exact in f64; longer ones are codes.
const MAX_DIGITS: usize = 15;

/// Longest level, in bytes, that can be an interval; keeps the search for its dash short.
const MAX_BYTES: usize = 64;

/// The levels' indices in ascending order, or `None` if they are not ordered by their form.
pub(crate) fn order(levels: &[&str]) -> Option<Vec<usize>> {
    let intervals: Vec<Interval> =
        levels.iter().map(|level| interval(level)).collect::<Option<_>>()?;
    let mut signs = intervals.iter().filter_map(|i| i.sign);
    if let Some(first) = signs.next()
        && signs.any(|sign| sign != first)
    {
        return None;
    }
    let mut order: Vec<usize> = (0..levels.len()).collect();
    let ends = |i: usize| (intervals[i].low, intervals[i].high);
    order.sort_by(|&a, &b| {
        let ((a_low, a_high), (b_low, b_high)) = (ends(a), ends(b));
        a_low.total_cmp(&b_low).then(a_high.total_cmp(&b_high))
    });
    let apart =
        |pair: &[usize]| ends(pair[0]) != ends(pair[1]) && ends(pair[0]).1 <= ends(pair[1]).0;
    order.windows(2).all(apart).then_some(order)
}

/// The rank of a level that was not there when the order was made: between its neighbours, or at
/// the end it lies beyond. `None` if it does not read as an interval.
pub(crate) fn rank_of_new(level: &str, ordered: &[String]) -> Option<f64> {
    let new = interval(level)?;
    let known: Vec<Interval> = ordered.iter().filter_map(|level| interval(level)).collect();
    let below = known.iter().filter(|i| i.high <= new.low).count() as f64;
    let above = known.iter().filter(|i| i.low >= new.high).count() as f64;
    let n_levels = ordered.len() as f64;
    // The middle of the levels it overlaps, and of the two neighbours where it overlaps none.
    Some(((below + n_levels - above - 1.0) / 2.0).clamp(0.0, n_levels - 1.0))
}

fn interval(level: &str) -> Option<Interval> {
    if level.len() > MAX_BYTES {
        return None;
    }
    let text = level.trim().to_lowercase();
    let below = |n: Number| Interval { low: f64::NEG_INFINITY, high: n.value(), sign: n.sign };
    let above = |n: Number| Interval { low: n.value(), high: f64::INFINITY, sign: n.sign };
    let after = |words: &[&str]| words.iter().find_map(|w| number(text.strip_prefix(w)?));
    let before = |words: &[&str]| words.iter().find_map(|w| number(text.strip_suffix(w)?));
    None.or_else(|| after(&BELOW_FIRST).map(below))
        .or_else(|| after(&ABOVE_FIRST).map(above))
        .or_else(|| before(&BELOW_LAST).map(below))
        .or_else(|| before(&ABOVE_LAST).map(above))
        .or_else(|| {
            number(&text).map(|n| Interval { low: n.value(), high: n.value(), sign: n.sign })
        })
        .or_else(|| range(&text))
}

/// `low-high`. Every dash is tried as the separator, since some may be minus signs.
fn range(text: &str) -> Option<Interval> {
    BETWEEN.iter().flat_map(|word| text.match_indices(word)).find_map(|(at, word)| {
        let mut low = number(&text[..at])?;
        let high = number(&text[at + word.len()..])?;
        low.multiplier = low.multiplier.or(high.multiplier);
        let agree = low.sign.is_none() || high.sign.is_none() || low.sign == high.sign;
        (agree && low.value() < high.value()).then(|| Interval {
            low: low.value(),
            high: high.value(),
            sign: low.sign.or(high.sign),
        })
    })
}

/// `[-] [sign] digits [K|M|B] [sign]`, in lower case.
fn number(text: &str) -> Option<Number> {
    let text = text.trim();
    let (text, negative) = match text.strip_prefix(['-', '−']) {
        Some(rest) => (rest.trim_start(), true),
        None => (text, false),
    };
    let (text, first) = match text.strip_prefix(SIGNS) {
        Some(rest) => (rest.trim_start(), text.chars().next()),
        None => (text, None),
    };
    let (text, last) = match text.strip_suffix(SIGNS) {
        Some(rest) => (rest.trim_end(), text.chars().next_back()),
        None => (text, None),
    };
    if first.is_some() && last.is_some() {
        return None;
    }
    let (text, multiplier) = match text.strip_suffix(['k', 'm', 'b']) {
        Some(rest) if text.ends_with('k') => (rest.trim_end(), Some(1e3)),
        Some(rest) if text.ends_with('m') => (rest.trim_end(), Some(1e6)),
        Some(rest) => (rest.trim_end(), Some(1e9)),
        None => (text, None),
    };
    let magnitude = digits(text)?;
    let digits = if negative { -magnitude } else { magnitude };
    Some(Number { digits, multiplier, sign: first.or(last) })
}

/// Digits with optional thousands commas and an optional fraction; no leading zero, as codes have.
fn digits(text: &str) -> Option<f64> {
    let all_digits = |part: &str| !part.is_empty() && part.bytes().all(|b| b.is_ascii_digit());
    let (whole, fraction) = match text.split_once('.') {
        Some((whole, fraction)) => (whole, Some(fraction)),
        None => (text, None),
    };
    if fraction.is_some_and(|fraction| !all_digits(fraction)) {
        return None;
    }
    let mut groups = whole.split(',');
    let first = groups.next()?;
    let grouped = whole.contains(',');
    let well_grouped = groups.all(|group| group.len() == 3 && all_digits(group));
    let plain = whole.replace(',', "");
    let is_code = plain.len() > 1 && plain.starts_with('0');
    if !all_digits(first) || !well_grouped || (grouped && first.len() > 3) || is_code {
        return None;
    }
    if plain.len() + fraction.map_or(0, str::len) > MAX_DIGITS {
        return None;
    }
    format!("{plain}.{}", fraction.unwrap_or("0")).parse().ok()
}

impl Number {
    fn value(self) -> f64 {
        self.digits * self.multiplier.unwrap_or(1.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The levels, given in order, are found again from any order.
    fn check(ascending: &[&str]) {
        for turn in 0..ascending.len() {
            let mut levels = ascending.to_vec();
            levels.rotate_left(turn);
            levels.reverse();
            let order = order(&levels).unwrap_or_else(|| panic!("{ascending:?} has an order"));
            assert_eq!(order.iter().map(|&i| levels[i]).collect::<Vec<_>>(), ascending);
        }
    }

    #[test]
    fn incomes_ages_and_counts_are_ordered() {
        check(&["Under 15K", "15-24K", "25-34K", "100-124K", "250K+"]);
        check(&["19-24", "25-34", "65+"]);
        check(&["1", "2", "3", "4", "5+"]);
        check(&["0", "1", "2", "3+"]);
    }

    #[test]
    fn every_written_form_is_read() {
        check(&["<1", "1", "2 to 3", "4–5", "6 - 7", "8 or more"]);
        check(&["17 and under", "18-64", "65 and over"]);
        check(&["< $1,000", "$1,000-$1,999", "$2K – 1M", "over $1M"]);
        check(&["-10--5", "-5-0", "0-5"]);
        check(&["≤ 2.5 %", "2.5-5%", "≥5%"]);
        check(&["up to 5", "6-10", "at least 11"]);
    }

    #[test]
    fn one_level_of_another_form_leaves_the_column_unordered() {
        for odd in [
            "2 Adults",
            "large",
            "",
            "05",
            "unknown",
            "1/2",
            "2017-01-03",
            "1,00",
            "$1€",
            "9-8",
            "1.",
            ".5",
            "+",
            "-",
            "1234567890123456",
            "1e3",
            "inf",
            "nan",
        ] {
            assert_eq!(order(&["1", "20", odd]), None, "{odd:?}");
        }
    }

    #[test]
    fn levels_that_overlap_or_mean_the_same_are_unordered() {
        assert_eq!(order(&["Under 15K", "Under 25K"]), None);
        assert_eq!(order(&["0-10", "5-15"]), None);
        assert_eq!(order(&["1", "1.0"]), None);
        assert_eq!(order(&["10%", "$20"]), None);
    }

    #[test]
    fn a_new_level_finds_its_place_between_the_known_ones() {
        let known = ["Under 15K", "25-34K", "75-99K"].map(String::from);
        let rank = |level| rank_of_new(level, &known);
        assert_eq!(rank("15-24K"), Some(0.5));
        assert_eq!(rank("50-74K"), Some(1.5));
        assert_eq!(rank("250K+"), Some(2.0));
        assert_eq!(rank("$25,000-$34,000"), Some(1.0));
        assert_eq!(rank("20-80K"), Some(1.5));
        assert_eq!(rank("rich"), None);
    }
}
