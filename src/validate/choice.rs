//! What was found for every number of clusters, which one is best, and why in plain words.
//!
//! The evidence is gathered in `choose.rs`; here it is weighed. A k counts as groups only if it
//! passes all three tests (stable, tighter than noise, valleys between all clusters).

use std::fmt;

use serde::{Deserialize, Serialize};

use super::stability::STABLE_FROM;
use crate::num::template::{Sentence, filled};

/// Standard deviations by which silhouettes must exceed those of clouds without groups.
pub(super) const TIGHTER: f64 = 2.0;

/// Standard errors within which a number is too near its threshold to tell.
pub(super) const CERTAIN: f64 = 2.6;

/// What a test says; unclear where the number is too near the threshold for the draws made.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(super) enum TestResult {
    No,
    Unclear,
    Yes,
}

impl TestResult {
    /// Whether `beyond` is above 0, if it is farther off than `error`.
    pub(super) fn of(beyond: f64, error: f64) -> Self {
        if beyond > error || beyond >= 0.0 && error == 0.0 {
            Self::Yes
        } else if beyond < -error || !error.is_finite() {
            Self::No
        } else {
            Self::Unclear
        }
    }

    pub(super) fn and(self, other: Self) -> Self {
        match (self, other) {
            (Self::No, _) | (_, Self::No) => Self::No,
            (Self::Yes, Self::Yes) => Self::Yes,
            _ => Self::Unclear,
        }
    }
}

/// What kind of groups the data hold, after Dolnicar, Grün and Leisch.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Structure {
    /// Groups with gaps between them, tighter than noise, that come back on other samples.
    Natural,
    /// No natural groups, but a division that comes back on other samples. It is usable, but it is not a
    /// property of the data.
    Reproducible,
    /// Neither: another sample would be divided in another way.
    Constructed,
    /// The data do not decide: one of the three tests lies so near its threshold, or two numbers of
    /// clusters so near each other, that other random draws would say otherwise; or all are passed, but on
    /// the border of two clusters the rows are as dense as in them, as in parts of a bent group.
    Borderline,
}

/// What was found for one number of clusters.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Candidate {
    /// The number of clusters.
    pub k: usize,
    /// Sum of squared distances to the centroids over the rows judged; of the first draw of rows.
    pub inertia: f64,
    /// Mean simplified silhouette, in [−1, 1]: distances go to centroids instead of rows. Like all but the
    /// inertia and the two indices it is a mean over the draws of rows in which this `k` was judged.
    pub silhouette: f64,
    /// Mean simplified silhouette of clouds without groups.
    pub null_silhouette: f64,
    /// Standard deviation of those silhouettes.
    pub null_spread: f64,
    /// The [`calinski_harabasz`](crate::validate::calinski_harabasz) index, the greater the better;
    /// `None` where undefined. Like the next it is for comparison, and no part of the choice: some k
    /// scores best on noise, too. Of the first draw of rows.
    pub calinski_harabasz: Option<f64>,
    /// The [`davies_bouldin`](crate::validate::davies_bouldin) index, the less the better; `None`
    /// where undefined.
    pub davies_bouldin: Option<f64>,
    /// Mean Jaccard coefficient of the least stable cluster, in [0, 1].
    pub stability: f64,
    /// The standard error of that mean.
    pub stability_error: f64,
    /// Depth of the shallowest valley between two clusters, in [0, 1]: at 0.8 there are 80 % fewer rows
    /// than the mean density on both sides would hold; 0 is none.
    pub valley: f64,
    /// By how many standard deviations the evidence of that valley exceeds that of clouds without groups.
    pub valley_excess: f64,
    pub(super) natural: TestResult,
    /// Whether the rows on some border of two clusters are as dense as in them.
    pub(super) goes_on: bool,
    pub(super) comes_back: TestResult,
}

impl Candidate {
    /// The silhouette that clouds without groups rarely exceed.
    fn bar(&self) -> f64 {
        self.null_silhouette + TIGHTER * self.null_spread
    }
}

/// The number of clusters that the data support best, and whether they support any; see
/// [`choose_k`](crate::validate::choose_k). Displayed, it gives the reasons in plain words.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct KChoice {
    /// The best number of clusters; of little worth unless the structure is
    /// [`Natural`](Structure::Natural).
    pub k: usize,
    /// What kind of grouping `k` clusters would be.
    pub structure: Structure,
    /// What was found for every number of clusters, ascending. Those that k-means cannot make
    /// because there are fewer distinct rows are left out.
    pub candidates: Vec<Candidate>,
    /// The k after which more clusters save much less inertia, by Kneedle (Satopää and others 2011)
    /// on the share of inertia left; `None` if the curve has no bend.
    ///
    /// For comparison, and no part of the choice: noise bends its curve, too, and where the range
    /// ends moves the bend. The last k is never one, nor the first, unless that is 2: then the curve
    /// starts at one cluster.
    pub elbow: Option<usize>,
    /// How many rows were judged at a time: all, or 2,000 drawn at random (ten per cluster if the range ends above 200).
    pub n_rows: usize,
    /// How many draws of so many rows were judged: 1 if these are all rows, else 1 to 6.
    pub n_draws: usize,
}

impl KChoice {
    /// Of the k that pass all tests, the largest: each of its clusters has shown gaps to all others,
    /// so fewer clusters would hide one. If none passes, the tightest that comes back, or else the
    /// tightest; `first` if there are no candidates. A larger k that may pass makes it borderline.
    pub(super) fn among(
        candidates: Vec<Candidate>,
        elbow: Option<usize>,
        first: usize,
        (n_rows, n_draws): (usize, usize),
    ) -> Self {
        let last = |answer: TestResult| candidates.iter().rev().find(|c| c.natural == answer);
        let mut by_tightness: Vec<&Candidate> = candidates.iter().collect();
        by_tightness.sort_by(|a, b| b.silhouette.total_cmp(&a.silhouette).then(a.k.cmp(&b.k)));
        let cut = by_tightness.iter().find(|c| c.comes_back != TestResult::No);
        let (k, structure) = match (last(TestResult::Yes), last(TestResult::Unclear), cut) {
            (Some(yes), Some(unclear), _) if unclear.k > yes.k => (yes.k, Structure::Borderline),
            (Some(yes), ..) => (yes.k, Structure::Natural),
            (None, Some(unclear), _) => (unclear.k, Structure::Borderline),
            (None, None, Some(cut)) if cut.comes_back == TestResult::Yes => {
                (cut.k, Structure::Reproducible)
            }
            (None, None, Some(cut)) => (cut.k, Structure::Borderline),
            (None, None, None) => {
                (by_tightness.first().map_or(first, |best| best.k), Structure::Constructed)
            }
        };
        Self { k, structure, candidates, elbow, n_rows, n_draws }
    }

    /// What the data hold, where that is borderline, in a sentence.
    pub(crate) fn finding(&self) -> Option<Sentence> {
        self.best().map(|best| self.borderline(best))
    }

    fn best(&self) -> Option<&Candidate> {
        self.candidates.iter().find(|candidate| candidate.k == self.k)
    }

    /// What the data do not decide.
    fn borderline(&self, best: &Candidate) -> Sentence {
        let larger = self.candidates.iter().rev().find(|c| c.natural == TestResult::Unclear);
        let k = ("k", best.k.to_string());
        match larger {
            Some(larger) if best.natural == TestResult::Yes => (
                "The data hold {k} groups, and do not decide whether {more}.",
                vec![k, ("more", larger.k.to_string())],
            ),
            Some(cut) if cut.goes_on => (
                "The data may hold {k} groups, or groups that are not round and are cut in parts: on the border of two \
                 clusters the rows are as dense as in them.",
                vec![k],
            ),
            Some(_) => ("The data do not decide whether they hold {k} groups.", vec![k]),
            None => (
                "The data hold no groups, and do not decide whether a cut in {k} comes back.",
                vec![k],
            ),
        }
    }

    /// The reasons in plain words, with their numbers.
    pub(crate) fn sentences(&self) -> Vec<Sentence> {
        let Some(best) = self.best() else {
            let none = "There are no groups: the rows have fewer distinct values than groups were asked for.";
            return vec![(none, Vec::new())];
        };
        let (least, most) = (self.candidates[0].k, self.candidates[self.candidates.len() - 1].k);
        let k = ("k", best.k.to_string());
        let of = [("least", least.to_string()), ("most", most.to_string()), k.clone()];
        let opening = match self.structure {
            Structure::Natural => ("The data hold {k} groups.", vec![k]),
            Structure::Reproducible => (
                "The data hold no groups that {least} to {most} clusters could show, but a cut in {k} that \
                 comes back.",
                of.to_vec(),
            ),
            Structure::Constructed => (
                "The data hold no groups that {least} to {most} clusters could show, and no cut that \
                 comes back; the best is {k} clusters.",
                of.to_vec(),
            ),
            Structure::Borderline => self.borderline(best),
        };
        let mut sentences = vec![opening, comes_back(best), tighter(best), valley(best)];
        let n = ("n", self.n_rows.to_string());
        sentences.push(match self.n_draws {
            1 => ("Judged on {n} rows.", vec![n]),
            draws => {
                ("Judged on {draws} draws of {n} rows.", vec![("draws", draws.to_string()), n])
            }
        });
        if self.structure != Structure::Natural {
            let shape =
                "Only round groups were looked for; HDBSCAN finds others, such as rings and bands.";
            sentences.push((shape, Vec::new()));
        }
        sentences
    }
}

/// Whether the clusters come back on resampled rows.
fn comes_back(best: &Candidate) -> Sentence {
    let comes_back = match best.comes_back {
        TestResult::Yes => {
            "On resampled rows the least stable cluster comes back (mean Jaccard {jaccard}, needed {needed})."
        }
        TestResult::Unclear => {
            "On resampled rows the least stable cluster may come back or not (mean Jaccard {jaccard}, needed \
                 {needed})."
        }
        TestResult::No => {
            "On resampled rows the least stable cluster does not come back (mean Jaccard {jaccard}, needed \
                 {needed})."
        }
    };
    let stability =
        vec![("jaccard", format!("{:.2}", best.stability)), ("needed", STABLE_FROM.to_string())];
    (comes_back, stability)
}

/// Whether the clusters are tighter than those of clouds without groups.
fn tighter(best: &Candidate) -> Sentence {
    let tighter = match best.silhouette > best.bar() {
        true => {
            "Its silhouette of {silhouette} is clearly above that of clouds without groups ({null} ± \
                 {spread}, needed above {needed})."
        }
        false => {
            "Its silhouette of {silhouette} is not clearly above that of clouds without groups ({null} ± \
                 {spread}, needed above {needed})."
        }
    };
    let silhouettes = [
        ("silhouette", best.silhouette),
        ("null", best.null_silhouette),
        ("spread", best.null_spread),
        ("needed", best.bar()),
    ];
    let silhouettes = silhouettes.map(|(name, value)| (name, format!("{value:.3}")));
    (tighter, silhouettes.to_vec())
}

/// What lies between the clusters.
fn valley(best: &Candidate) -> Sentence {
    if best.valley <= 0.0 || best.natural == TestResult::No {
        let none = "Between some two clusters there are not clearly fewer rows than in clouds without groups.";
        return (none, Vec::new());
    }
    match (100.0 * best.valley).round() {
        fewer if fewer < 99.5 => (
            "Between any two clusters there are at least {share}% fewer rows than in them.",
            vec![("share", fewer.to_string())],
        ),
        _ => ("Between any two clusters there are hardly any rows.", Vec::new()),
    }
}

impl fmt::Display for KChoice {
    /// The reasons in plain words, with their numbers.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (place, (template, parts)) in self.sentences().iter().enumerate() {
            let parts: Vec<(&str, &str)> =
                parts.iter().map(|(name, text)| (*name, &**text)).collect();
            let space = if place > 0 { " " } else { "" };
            write!(f, "{space}{}", filled(template, &parts))?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Tests by their point estimates alone.
    fn candidate(k: usize, stability: f64, silhouette: f64, valley_excess: f64) -> Candidate {
        let answer = |holds: bool| if holds { TestResult::Yes } else { TestResult::No };
        let comes_back = answer(stability >= STABLE_FROM);
        let natural = answer(silhouette > 0.43 && valley_excess > 3.0).and(comes_back);
        Candidate {
            k,
            inertia: 1.0,
            silhouette,
            null_silhouette: 0.4,
            null_spread: 0.01,
            calinski_harabasz: Some(9.5),
            davies_bouldin: None,
            stability,
            stability_error: 0.01,
            valley: if valley_excess > 0.0 { 0.1 } else { 0.0 },
            valley_excess,
            natural,
            goes_on: false,
            comes_back,
        }
    }

    fn among(candidates: &[Candidate]) -> KChoice {
        KChoice::among(candidates.to_vec(), None, 2, (100, 1))
    }

    #[test]
    fn the_largest_k_that_passes_all_three_tests_is_chosen() {
        let choice = among(&[
            candidate(2, 1.0, 0.9, 9.0),
            candidate(3, 0.8, 0.6, 9.0),
            candidate(4, 0.74, 0.9, 9.0),
            candidate(5, 1.0, 0.42, 9.0),
            candidate(6, 1.0, 0.9, 0.0),
        ]);
        assert_eq!((choice.k, choice.structure), (3, Structure::Natural));
        assert_eq!(
            choice.to_string(),
            "The data hold 3 groups. On resampled rows the least stable cluster comes back (mean \
             Jaccard 0.80, needed 0.75). Its silhouette of 0.600 is clearly above that of clouds \
             without groups (0.400 ± 0.010, needed above 0.420). Between any two clusters there \
             are at least 10% fewer rows than in them. Judged on 100 rows."
        );
    }

    #[test]
    fn without_groups_the_tightest_cut_that_comes_back_is_chosen_and_called_what_it_is() {
        let cut = among(&[candidate(2, 0.9, 0.3, 0.0), candidate(3, 0.9, 0.4, 0.0)]);
        assert_eq!((cut.k, cut.structure), (3, Structure::Reproducible));
        assert!(
            cut.to_string().contains("no groups that 2 to 3 clusters could show, but a cut in 3")
        );
        let none = among(&[candidate(2, 0.5, 0.9, 0.0), candidate(3, 0.5, 0.9, 0.0)]);
        assert_eq!((none.k, none.structure), (2, Structure::Constructed));
        assert!(none.to_string().contains("does not come back"));
    }

    #[test]
    fn what_the_draws_do_not_decide_is_borderline() {
        let unclear = |k| Candidate { natural: TestResult::Unclear, ..candidate(k, 0.9, 0.9, 9.0) };
        let choice = among(&[unclear(2), candidate(3, 0.9, 0.3, 0.0)]);
        assert_eq!((choice.k, choice.structure), (2, Structure::Borderline));
        assert!(
            choice.to_string().starts_with("The data do not decide whether they hold 2 groups.")
        );
        let choice = among(&[candidate(2, 0.9, 0.9, 9.0), unclear(4)]);
        assert_eq!((choice.k, choice.structure), (2, Structure::Borderline));
        assert!(
            choice.to_string().starts_with("The data hold 2 groups, and do not decide whether 4.")
        );
        let bent = Candidate { goes_on: true, ..unclear(3) };
        assert!(among(&[bent]).to_string().contains("groups that are not round"));
        // A smaller number of clusters that may pass changes nothing.
        let choice = among(&[unclear(2), candidate(4, 0.9, 0.9, 9.0)]);
        assert_eq!(choice.structure, Structure::Natural);
        let cut = Candidate { comes_back: TestResult::Unclear, ..candidate(2, 0.75, 0.3, 0.0) };
        let choice = among(&[cut]);
        assert_eq!((choice.k, choice.structure), (2, Structure::Borderline));
        assert!(choice.to_string().contains("do not decide whether a cut in 2 comes back"));
    }

    #[test]
    fn no_candidates_are_no_groups() {
        let choice = KChoice::among(Vec::new(), None, 4, (9, 1));
        assert_eq!((choice.k, choice.structure), (4, Structure::Constructed));
        assert!(choice.to_string().starts_with("There are no groups"));
    }

    #[test]
    fn a_choice_survives_json() {
        let choice = KChoice::among(
            vec![candidate(2, 0.9, 0.123_456_789_012_345_6, 0.1)],
            Some(3),
            2,
            (9, 1),
        );
        let json = serde_json::to_string(&choice).unwrap();
        assert_eq!(serde_json::from_str::<KChoice>(&json).unwrap(), choice);
    }
}
