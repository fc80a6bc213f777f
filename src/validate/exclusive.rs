//! Two-valued columns that exclude each other: one category in several columns, a column and its copy.

use std::collections::BTreeMap;

use crate::num::union_find::UnionFind;

/// Groups two-valued columns, given with the lower of their values: linked are two of which never all
/// four pairs of values are seen. Indexes in ascending order, groups by their first. O(n) per pair.
pub(super) fn blocks(columns: &[(&[f64], f64)]) -> Vec<Vec<usize>> {
    let sets = UnionFind::new(columns.len());
    for (i, (a, low_a)) in columns.iter().enumerate() {
        for (j, (b, low_b)) in columns.iter().enumerate().skip(i + 1) {
            let mut seen = [false; 4];
            for (x, y) in a.iter().zip(*b) {
                seen[2 * usize::from(x > low_a) + usize::from(y > low_b)] = true;
            }
            if seen.contains(&false) {
                sets.union(i, j);
            }
        }
    }
    let mut first_of: BTreeMap<usize, usize> = BTreeMap::new();
    let mut blocks: Vec<Vec<usize>> = Vec::new();
    for i in 0..columns.len() {
        let place = *first_of.entry(sets.find(i)).or_insert(blocks.len());
        if place == blocks.len() {
            blocks.push(Vec::new());
        }
        blocks[place].push(i);
    }
    blocks
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn levels_of_one_category_and_copies_are_blocks_and_free_columns_are_not() {
        let rows = 0..24;
        let column =
            |f: fn(usize) -> bool| rows.clone().map(|row| f64::from(u8::from(f(row)))).collect();
        let columns: Vec<Vec<f64>> = vec![
            column(|row| row % 3 == 0),
            column(|row| row / 3 % 2 == 0),
            column(|row| row % 3 == 1),
            column(|row| row % 3 == 2),
            column(|row| row / 3 % 2 == 1),
        ];
        let columns: Vec<(&[f64], f64)> = columns.iter().map(|c| (&c[..], 0.0)).collect();
        assert_eq!(blocks(&columns), [vec![0, 2, 3], vec![1, 4]]);
        assert!(blocks(&[]).is_empty());
    }
}
