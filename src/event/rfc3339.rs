//! The usual form of a time, `2017-01-01T07:30:27.123-05:00`, without a general parser.
//!
//! Clients write nearly all times in this form, and a store reads millions of them. What is not in
//! it, or not a time, is left to the general parser. Days are counted from the date by the 400-year
//! cycle of the calendar, with years that begin in March so that the leap day is the last of its year.
//!
//! Measured with the check for blank texts: a call of 540 bytes is read in 1.5 µs instead of 1.7.

/// Milliseconds since 1970 and the offset from UTC in minutes, none for `Z`; `None` for what is not in
/// the usual form.
pub(super) fn read(text: &str) -> Option<(i64, Option<i16>)> {
    let (date, rest) = text.as_bytes().split_first_chunk::<19>()?;
    let [y0, y1, y2, y3, b'-', m0, m1, b'-', d0, d1, b'T', h0, h1, b':', n0, n1, b':', s0, s1] =
        *date
    else {
        return None;
    };
    let year = two(y0, y1)? * 100 + two(y2, y3)?;
    let (month, day) = (two(m0, m1)?, two(d0, d1)?);
    let (hour, minute, second) = (two(h0, h1)?, two(n0, n1)?, two(s0, s1)?);
    let is_leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    let n_days = match month {
        4 | 6 | 9 | 11 => 30,
        2 => 28 + i64::from(is_leap),
        1..=12 => 31,
        _ => return None,
    };
    if !(1..=n_days).contains(&day) || hour > 23 || minute > 59 || second > 59 {
        return None;
    }
    let (n_digits, millis, zone) = match rest.split_first() {
        Some((b'.', rest)) => {
            let n = rest.iter().take_while(|byte| byte.is_ascii_digit()).count();
            let digit = |i: usize| if i < n { i64::from(rest[i] - b'0') } else { 0 };
            // Nobody measures below a nanosecond.
            if !(1..=9).contains(&n) {
                return None;
            }
            (n, digit(0) * 100 + digit(1) * 10 + digit(2), &rest[n..])
        }
        _ => (0, 0, rest),
    };
    let offset = match *zone {
        [b'Z'] => None,
        [sign @ (b'+' | b'-'), h0, h1, b':', m0, m1] => {
            let (hours, minutes) = (two(h0, h1)?, two(m0, m1)?);
            if hours > 23 || minutes > 59 {
                return None;
            }
            let offset = (hours * 60 + minutes) as i16;
            match sign {
                // RFC 3339: the time is in UTC, and nothing is known of the place.
                b'-' if offset == 0 => return None,
                b'-' => Some(-offset),
                _ => Some(offset),
            }
        }
        _ => return None,
    };
    let minutes =
        (days(year, month, day) * 24 + hour) * 60 + minute - i64::from(offset.unwrap_or(0));
    let millis = (minutes * 60 + second) * 1000 + millis;
    // Digits below a millisecond are cut; which way that goes before 1970 is the general parser's.
    (millis >= 0 || n_digits <= 3).then_some((millis, offset))
}

fn two(tens: u8, ones: u8) -> Option<i64> {
    let digit = |byte: u8| byte.is_ascii_digit().then(|| i64::from(byte - b'0'));
    Some(digit(tens)? * 10 + digit(ones)?)
}

/// Days from 1970-01-01 to a date from year 0 on.
fn days(year: i64, month: i64, day: i64) -> i64 {
    let (year, month) = if month > 2 { (year, month - 3) } else { (year - 1, month + 9) };
    let leap_days = year.div_euclid(4) - year.div_euclid(100) + year.div_euclid(400);
    // From March on, lengths repeat every five months: 31, 30, 31, 30, 31.
    let day_of_year = (153 * month + 2) / 5 + day - 1;
    // 719,468 days lie between 0000-03-01 and 1970-01-01.
    365 * year + leap_days + day_of_year - 719_468
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// As the general parser reads it, if at all.
    fn general(text: &str) -> Option<i64> {
        text.parse::<jiff::Timestamp>().ok().map(jiff::Timestamp::as_millisecond)
    }

    #[test]
    fn every_day_of_the_calendar_is_counted_once() {
        let mut day = jiff::civil::date(0, 1, 1);
        for n in -719_528.. {
            let [year, month, date] = [day.year().into(), day.month().into(), i64::from(day.day())];
            assert_eq!(days(year, month, date), n, "{day}");
            match day.tomorrow() {
                Ok(next) => day = next,
                Err(_) => break,
            }
        }
        assert_eq!(day.to_string(), "9999-12-31");
    }

    #[test]
    fn what_is_not_in_the_usual_form_is_left_to_the_general_parser() {
        for text in [
            "",
            "2017-01-01",
            "2017-01-01T00:00:00",
            "2017-01-01 00:00:00Z",
            "2017-01-01T00:00:60Z",
            "2017-01-01T24:00:00Z",
            "2017-02-29T00:00:00Z",
            "2017-00-10T00:00:00Z",
            "2017-01-01T00:00:00.Z",
            "2017-01-01T00:00:00.1234567890Z",
            "2017-01-01T00:00:00-00:00",
            "2017-01-01T00:00:00+0100",
            "2017-01-01T00:00:00+24:00",
            "2017-01-01T00:00:00Z ",
            "\u{661}017-01-01T00:00:00Z",
        ] {
            assert_eq!(read(text), None, "{text}");
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(64) })]

        #[test]
        fn what_is_read_is_what_the_general_parser_reads(
            text in "[0-2][0-9]{3}-[01][0-9]-[0-3][0-9]T[0-2][0-9]:[0-5][0-9]:[0-6][0-9](\\.[0-9]{1,9})?(Z|[+-][0-2][0-9]:[0-5][0-9])",
        ) {
            if let Some((millis, _)) = read(&text) {
                prop_assert_eq!(Some(millis), general(&text), "{}", text);
            }
        }
    }
}
