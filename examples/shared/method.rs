//! What programs around a `--method` share: which options it takes, and how long it takes.

use std::time::Instant;

use clap::ValueEnum;

/// An option, whether it was given, and the methods it belongs to. One that belongs to another
/// method would have no effect, so it is an error.
pub(crate) fn refuse_foreign<M: ValueEnum + PartialEq>(
    method: &M,
    options: &[(&str, bool, &[M])],
) -> Result<(), String> {
    let word = |method: &M| {
        method.to_possible_value().map_or(String::new(), |value| value.get_name().to_owned())
    };
    let foreign: Vec<String> = options
        .iter()
        .filter(|(_, given, methods)| *given && !methods.contains(method))
        .map(|(option, _, methods)| {
            let methods: Vec<String> = methods.iter().map(word).collect();
            format!("{option} (for {})", methods.join(", "))
        })
        .collect();
    if foreign.is_empty() {
        return Ok(());
    }
    Err(format!("--method {} does not take {}", word(method), foreign.join(" and ")))
}

/// The last result of `repeat` runs, which must be at least 1, and their median seconds.
pub(crate) fn timed<T, E>(repeat: u32, run: impl Fn() -> Result<T, E>) -> Result<(T, f64), E> {
    let timed_once = || {
        let start = Instant::now();
        let result = run()?;
        Ok((result, start.elapsed().as_secs_f64()))
    };
    let (mut result, first) = timed_once()?;
    let mut seconds = vec![first];
    for _ in 1..repeat {
        let (again, time) = timed_once()?;
        result = again;
        seconds.push(time);
    }
    seconds.sort_unstable_by(f64::total_cmp);
    let middle = seconds.len() / 2;
    let median = if seconds.len() % 2 == 1 {
        seconds[middle]
    } else {
        (seconds[middle - 1] + seconds[middle]) / 2.0
    };
    Ok((result, median))
}
