//! Silhouette blades (Rousseeuw 1987): the people of each group in order of how well they fit it.

use std::fmt::Write;

use maud::html;

use super::frame::{Chart, WIDTH, all, coordinate, group_class, label_within, line};

/// Most steps of a blade: more cannot be seen.
const STEPS: usize = 100;
/// Fewest people of a step, which shows their mean: nobody is shown alone.
const OF_STEP: usize = 5;

/// The members of a group.
pub(crate) struct Blade {
    /// Its place among the groups, which gives its colour.
    pub(crate) group: usize,
    pub(crate) name: String,
    /// Silhouettes in [−1, 1], in any order.
    pub(crate) values: Vec<f64>,
}

/// A blade per group; its height is the group's share of all members.
pub(crate) fn blades(id: &str, title: &str, text: String, groups: &[Blade]) -> Chart {
    const HEIGHT: f64 = 220.0;
    const LABEL: f64 = 18.0;
    let zero = WIDTH / 3.0;
    let place = |value: f64| zero + value.clamp(-0.5, 1.0) * (WIDTH - zero);
    let total = groups.iter().map(|blade| blade.values.len()).sum::<usize>().max(1) as f64;
    let mut top = 4.0;
    let mut drawn = Vec::new();
    for Blade { group, name, values } in groups {
        let height = (HEIGHT * values.len() as f64 / total).max(3.0);
        let mut sorted = values.clone();
        sorted.sort_unstable_by(|a, b| b.total_cmp(a));
        let n_steps = (sorted.len() / OF_STEP).clamp(1, STEPS);
        let mut path = format!("M{} {}", coordinate(zero), coordinate(top + LABEL));
        for step in 0..n_steps {
            let of_step =
                &sorted[step * sorted.len() / n_steps..(step + 1) * sorted.len() / n_steps];
            let at = of_step.iter().sum::<f64>() / of_step.len().max(1) as f64;
            let y = |step: usize| top + LABEL + height * step as f64 / n_steps as f64;
            // A string can be written to.
            let _ = write!(
                path,
                "L{x} {from}L{x} {to}",
                x = coordinate(place(at)),
                from = coordinate(y(step)),
                to = coordinate(y(step + 1))
            );
        }
        let _ = write!(path, "L{} {}Z", coordinate(zero), coordinate(top + LABEL + height));
        drawn.push(html! {
            (label_within(0.0, top + 13.0, name, "", 52))
            path d=(path) class=(group_class(*group)) {}
        });
        top += LABEL + height + 4.0;
    }
    let axis = html! {
        (line((zero, 4.0), (zero, top), "axis"))
        (label_within(zero, top + 12.0, "0", "small mid", 3))
        (label_within(WIDTH, top + 12.0, "1", "small end", 3))
    };
    Chart::new(id, title, text, top + 18.0, html! { (axis) (all(drawn)) })
}
