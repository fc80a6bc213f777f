//! The means of groups of rows.

/// The mean of the rows of each group, row-major; zeros for a group without rows. Rows without a group do not count.
/// Means of differences from the first row: data far from the origin lose no digits.
pub(crate) fn group_means<'r>(
    rows: impl Iterator<Item = &'r [f64]>,
    n_columns: usize,
    groups: impl Iterator<Item = Option<usize>>,
    n_groups: usize,
) -> Vec<f64> {
    let (mut means, mut sizes) = (vec![0.0; n_groups * n_columns], vec![0usize; n_groups]);
    let mut rows = rows.peekable();
    let Some(&origin) = rows.peek() else { return means };
    for (row, group) in rows.zip(groups) {
        let Some(group) = group else { continue };
        sizes[group] += 1;
        let sums = &mut means[group * n_columns..(group + 1) * n_columns];
        sums.iter_mut().zip(row).zip(origin).for_each(|((sum, v), o)| *sum += v - o);
    }
    let occupied = means.chunks_exact_mut(n_columns).zip(sizes).filter(|(_, size)| *size > 0);
    for (mean, size) in occupied {
        mean.iter_mut().zip(origin).for_each(|(sum, o)| *sum = o + *sum / size as f64);
    }
    means
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_group_has_the_mean_of_its_rows_at_any_offset() {
        for offset in [0.0, 1e15] {
            let rows =
                [[1.0, 2.0], [3.0, 2.0], [9.0, 9.0], [4.0, 8.0]].map(|r| r.map(|v| v + offset));
            let groups = [Some(2), Some(2), None, Some(0)];
            let means = group_means(rows.iter().map(|row| &row[..]), 2, groups.into_iter(), 3);
            let expected = [4.0 + offset, 8.0 + offset, 0.0, 0.0, 2.0 + offset, 2.0 + offset];
            assert_eq!(means, expected);
        }
        assert_eq!(group_means([].into_iter(), 2, [].into_iter(), 1), [0.0, 0.0]);
    }
}
