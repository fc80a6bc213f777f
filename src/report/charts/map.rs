//! A map of all people on two components, in bins: no single person can be seen in it.
//!
//! The map reaches from the 1st to the 99th percentile of each component, and what lies beyond counts
//! in the outermost bins. A bin with fewer than five people stays empty. The size of a square is how
//! many people there are, its colour the group that most of them are in; of equal groups, the first. If more
//! are in none, it has no colour.

use maud::html;

use super::frame::{Chart, WIDTH, all, area, group_class};

/// Most bins along each side; fewer for fewer people, so that most bins hold enough of them.
const MOST_BINS: usize = 24;
const FEWEST_BINS: usize = 8;
/// Fewest people in a bin that is drawn.
const FEWEST: usize = 5;

/// People by their two components and their group.
pub(crate) fn map(
    id: &str,
    title: &str,
    text: String,
    points: &[([f64; 2], Option<usize>)],
) -> Chart {
    let n_bins = ((points.len() as f64 / 6.0).sqrt() as usize).clamp(FEWEST_BINS, MOST_BINS);
    let limits = [0, 1].map(|axis| limits(points.iter().map(|(point, _)| point[axis])));
    let n_groups = points.iter().filter_map(|(_, group)| *group).max().map_or(0, |group| group + 1);
    let mut counts = vec![0usize; n_bins * n_bins * (n_groups + 1)];
    for (point, group) in points {
        let [x, y] = [0, 1].map(|axis| bin(point[axis], limits[axis], n_bins));
        counts[(y * n_bins + x) * (n_groups + 1) + group.unwrap_or(n_groups)] += 1;
    }
    let bins: Vec<&[usize]> = counts.chunks(n_groups + 1).collect();
    let sum = |bin: &[usize]| bin.iter().sum::<usize>();
    let most = bins.iter().map(|bin| sum(bin)).max().unwrap_or(0).max(1) as f64;
    let size = WIDTH / n_bins as f64;
    let squares =
        bins.iter().enumerate().filter(|(_, bin)| sum(bin) >= FEWEST).map(|(place, bin)| {
            let (x, y) = (place % n_bins, n_bins - 1 - place / n_bins);
            let side = size * (sum(bin) as f64 / most).sqrt().max(0.25);
            let middle = |place: usize| (place as f64 + 0.5) * size - side / 2.0;
            let largest = bin.iter().max().copied().unwrap_or(0);
            let group = bin.iter().position(|&n| n == largest).filter(|&group| group < n_groups);
            let class = group.map_or("soft".into(), group_class);
            area(middle(x), middle(y), side, side, &class)
        });
    let marks = html! {
        (area(0.0, 0.0, WIDTH, WIDTH, "track"))
        (all(squares))
    };
    Chart::new(id, title, text, WIDTH, marks)
}

/// The 1st and the 99th percentile.
fn limits(values: impl Iterator<Item = f64>) -> (f64, f64) {
    let mut sorted: Vec<f64> = values.filter(|value| value.is_finite()).collect();
    sorted.sort_unstable_by(f64::total_cmp);
    let at = |share: f64| {
        let place = (share * sorted.len().saturating_sub(1) as f64).round() as usize;
        sorted.get(place).copied().unwrap_or(0.0)
    };
    (at(0.01), at(0.99))
}

fn bin(value: f64, (low, high): (f64, f64), n_bins: usize) -> usize {
    if high <= low || value.is_nan() {
        return n_bins / 2;
    }
    // A cast from f64 saturates.
    (((value - low) / (high - low) * n_bins as f64) as usize).min(n_bins - 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn squares(points: &[([f64; 2], Option<usize>)]) -> usize {
        map("map", "Map", String::new(), points).svg.matches("<rect").count() - 1
    }

    #[test]
    fn a_bin_of_fewer_than_five_people_is_empty() {
        let four: Vec<_> = (0..4).map(|_| ([0.0, 0.0], Some(0))).collect();
        assert_eq!(squares(&four), 0);
        let mut points: Vec<_> = (0..50).map(|_| ([0.0, 0.0], Some(0))).collect();
        points.push(([9.0, 9.0], Some(1)));
        points.extend((0..50).map(|_| ([10.0, 10.0], Some(1))));
        assert_eq!(squares(&points), 2);
    }

    #[test]
    fn a_bin_has_the_colour_of_a_group_only_if_most_are_in_it() {
        let bin = |n_inside: usize, n_outside: usize| {
            let groups = [vec![Some(0); n_inside], vec![None; n_outside]].concat();
            let points: Vec<_> = groups.into_iter().map(|group| ([0.0, 0.0], group)).collect();
            let class = format!("class=\"{}\"", group_class(0));
            map("map", "Map", String::new(), &points).inline.contains(&class)
        };
        assert!(bin(5, 5) && !bin(4, 5));
    }

    #[test]
    fn values_that_are_not_numbers_and_no_people_at_all_are_drawn_without_a_panic() {
        assert_eq!(squares(&[]), 0);
        let odd: Vec<_> = (0..9).map(|_| ([f64::NAN, f64::INFINITY], None)).collect();
        assert_eq!(squares(&odd), 1);
    }
}
