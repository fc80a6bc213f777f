//! Formulas: properties that are computed of an event's numbers when it is stored.
//!
//! | property | is |
//! |---|---|
//! | `products.price * products.quantity` | the product of two numbers of the same item; where the second is missing, the first |
//! | `amount ?? products.price * products.quantity` | `amount` where the event has it, else the sum of the products |
//! | `revenue ?? total ?? products.price * products.quantity` | the first of up to three totals that the event has, else the sum |
//!
//! A formula is named wherever a property can be: in measures, weights and conditions. Its factors are
//! stored as well. Both are fields of one list of objects, or both plain properties of the event. An item
//! that has several values of a factor, or one that cannot be read as a number, has no product; nor does one
//! whose product is too large to be summed exactly. The signs stand between spaces; a property whose own name
//! reads like a formula cannot be read.
//!
//! Cost: the values of the event for each formula.

use std::borrow::Cow;

use crate::num::fixed::Fixed;

const TIMES: &str = " * ";
const ELSE: &str = " ?? ";
const MAX_TOTALS: usize = 3;

/// A formula over names or over fields.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Formula<P> {
    /// The first that an event has takes the place of the products.
    totals: [Option<P>; MAX_TOTALS],
    factors: [P; 2],
}

/// Whether a property is a formula; its name cannot be sent.
fn is_formula(property: &str) -> bool {
    property.contains(TIMES) || property.contains(ELSE)
}

/// The list of objects that a field belongs to, if its name says so.
fn list_of(property: &str) -> Option<&str> {
    property.split_once('.').map(|(list, _)| list)
}

/// What is wrong with a name that reads like a formula.
pub(super) fn fault(property: &str) -> Option<Cow<'static, str>> {
    (is_formula(property) && Formula::named(property).is_none()).then(|| {
        let form = "\"a * b\" or \"total ?? a * b\" with up to three totals, where a and b are fields of one list";
        format!("the formula {property:?} must read {form}").into()
    })
}

/// Whether values of two properties belong together item by item.
pub(super) fn are_of_one_list(property: &str, other: &str) -> bool {
    let list = |property| match Formula::named(property) {
        Some(formula) if formula.has_totals() => None,
        Some(Formula { factors: [first, _], .. }) => list_of(first),
        None => list_of(property),
    };
    list(property).is_some_and(|name| list(other) == Some(name))
}

impl<'p> Formula<&'p str> {
    /// The formula that a property's name is, if it is one.
    pub(super) fn named(property: &'p str) -> Option<Self> {
        let (totals, product) = match property.rsplit_once(ELSE) {
            Some((totals, product)) => (Some(totals), product),
            None => (None, property),
        };
        let (a, b) = product.split_once(TIMES)?;
        let mut parts = totals.into_iter().flat_map(|totals| totals.split(ELSE));
        let totals = std::array::from_fn(|_| parts.next());
        let factors = [a, b];
        let is_name = |name: &str| {
            let is_own = !name.starts_with('@') && !is_formula(name);
            is_own && !name.is_empty() && name.trim() == name
        };
        let are_names = factors.iter().chain(totals.iter().flatten()).all(|name| is_name(name));
        let are_all = parts.next().is_none();
        (are_all && are_names && list_of(a) == list_of(b)).then_some(Self { totals, factors })
    }

    /// The properties it is computed of.
    pub(super) fn properties(self) -> impl Iterator<Item = &'p str> {
        self.factors.into_iter().chain(self.totals.into_iter().flatten())
    }

    /// The same formula over fields.
    pub(super) fn bind<Q>(self, field: impl Fn(&str) -> Q) -> Formula<Q> {
        let totals = self.totals.map(|total| total.map(&field));
        Formula { totals, factors: self.factors.map(&field) }
    }
}

impl<P: Copy> Formula<P> {
    fn has_totals(self) -> bool {
        self.totals.iter().any(Option::is_some)
    }

    /// Pairs of item and number for one event; `numbers` tells those of a property, in any order, NaN where
    /// something else than a number stands.
    pub(super) fn evaluate(self, numbers: impl Fn(P) -> Vec<(u16, f64)>) -> Vec<(u16, f64)> {
        for total in self.totals.into_iter().flatten() {
            let given = numbers(total).into_iter().filter(|value| !value.1.is_nan());
            let given: Vec<(u16, f64)> = given.collect();
            if !given.is_empty() {
                return given;
            }
        }
        let [mut of_first, mut of_second] = self.factors.map(&numbers);
        of_first.sort_unstable_by_key(|value| value.0);
        of_second.sort_unstable_by_key(|value| value.0);
        let seconds = |item: u16| {
            let start = of_second.partition_point(|value| value.0 < item);
            of_second[start..].iter().take_while(move |value| value.0 == item)
        };
        let mut products = Vec::new();
        for same in of_first.chunk_by(|a, b| a.0 == b.0) {
            let &[(item, first)] = same else { continue };
            let mut others = seconds(item);
            let product = match (others.next(), others.next()) {
                (None, _) => first,
                (Some((_, second)), None) => first * second,
                (Some(_), Some(_)) => continue,
            };
            if Fixed::holds(product) {
                products.push((item, product + 0.0));
            }
        }
        if !self.has_totals() || products.is_empty() {
            return products;
        }
        let sum: Fixed = products.iter().filter_map(|product| Fixed::new(product.1)).sum();
        let sum = sum.value();
        if Fixed::holds(sum) { vec![(0, sum)] } else { Vec::new() }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_formula_is_a_product_of_two_fields_of_one_list_and_a_total_before_it() {
        let price = "products.price * products.quantity";
        let factors = ["products.price", "products.quantity"];
        assert_eq!(Formula::named(price), Some(Formula { totals: [None; 3], factors }));
        let totals = [Some("amount"), None, None];
        let either = format!("amount ?? {price}");
        assert_eq!(Formula::named(&either), Some(Formula { totals, factors }));
        let totals = ["amount", "revenue", "total"].map(Some);
        let any = format!("amount ?? revenue ?? total ?? {price}");
        assert_eq!(Formula::named(&any), Some(Formula { totals, factors }));
        let none = ["price", "a*b", "a ** b", "products.price"];
        for plain in none {
            assert_eq!((Formula::named(plain), fault(plain)), (None, None), "{plain}");
        }
        let wrong = [
            "a * b * c",
            " * b",
            "a ?? b",
            "t ?? t ?? t ?? t ?? a * b",
            "x.a * y.b",
            "x.a * b",
            "@hour * b",
        ];
        for wrong in wrong {
            assert!(fault(wrong).is_some(), "{wrong}");
        }
        assert!(are_of_one_list("products.category", price));
        assert!(!are_of_one_list("products.category", &either));
        assert!(!are_of_one_list("products.category", "refunds.price"));
        assert!(!are_of_one_list("category", "price"));
    }

    proptest! {
        #[test]
        fn products_pair_the_numbers_of_one_item(
            items in prop::collection::vec((-9i32..9, prop::option::of(-9i32..9)), 0..6),
            total in prop::option::of(-9i32..9),
            other in prop::option::of(-9i32..9),
        ) {
            let mut values = Vec::new();
            for (item, &(a, b)) in (1..).zip(&items) {
                values.extend(b.map(|b| ("p.b", item, f64::from(b))));
                values.push(("p.a", item, f64::from(a)));
            }
            let of_items: i32 = items.iter().map(|(a, b)| a * b.unwrap_or(1)).sum();
            values.extend(total.map(|total| ("total", 0, f64::from(total))));
            values.extend(other.map(|other| ("other", 0, f64::from(other))));
            let expected = total.or(other).or((!items.is_empty()).then_some(of_items)).map(f64::from);
            let formula = Formula::named("total ?? other ?? p.a * p.b").unwrap();
            let got = formula.evaluate(|name| {
                let of = values.iter().filter(|value| value.0 == name);
                of.map(|value| (value.1, value.2)).collect()
            });
            prop_assert_eq!(got.first().map(|value| value.1), expected);
        }
    }
}
