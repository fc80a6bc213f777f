//! For duplicate names, the last value wins: the one rule for properties, attributes and the fields of
//! objects, wherever they are read.
//!
//! Cost: linear in the number of names, since the sender chooses how many there are.

use std::borrow::Cow;

use hashbrown::HashMap;

/// So many names are compared with each other; that is faster than to hash them.
const FEW: usize = 24;

/// Iterates over the last value of each name, in order.
pub(crate) fn last_of_each_name<'f, 'a, T>(
    fields: &'f [(Cow<'a, str>, T)],
) -> impl Iterator<Item = &'f (Cow<'a, str>, T)> {
    let mut places: HashMap<&str, usize> = HashMap::new();
    if fields.len() > FEW {
        places.extend(fields.iter().enumerate().map(|(place, (name, _))| (&**name, place)));
    }
    let is_last = move |place: usize, name: &str| match places.is_empty() {
        true => fields[place + 1..].iter().all(|(later, _)| later != name),
        false => places[name] == place,
    };
    let fields = fields.iter().enumerate();
    fields.filter(move |(place, (name, _))| is_last(*place, name)).map(|(_, field)| field)
}

/// Removes all but the last value of each name.
#[cfg(feature = "segment")]
pub(crate) fn keep_last<T: Clone>(fields: &mut Vec<(Cow<'_, str>, T)>) {
    // Hardly any sender repeats a name.
    if last_of_each_name(fields).count() < fields.len() {
        *fields = last_of_each_name(fields).cloned().collect();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_value_of_each_name_counts_however_many_names_there_are() {
        for n_names in [1, 2, 12, 13, 1000] {
            let mut fields: Vec<(Cow<'_, str>, usize)> =
                (0..2 * n_names).map(|i| ((i % n_names).to_string().into(), i)).collect();
            fields.push(("alone".into(), 0));
            let expected = &fields[n_names..];
            assert!(last_of_each_name(&fields).eq(expected), "{n_names}");
            let mut kept = fields.clone();
            keep_last(&mut kept);
            assert_eq!(kept, expected, "{n_names}");
        }
        assert_eq!(last_of_each_name::<()>(&[]).count(), 0);
    }
}
