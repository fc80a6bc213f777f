//! The templates of what a model rests on: whether the data hold groups, and why there are so many personas.

/// By their English text, as those of descriptions; the first part is what [`KChoice`](crate::validate::KChoice)
/// says.
pub(super) const EVIDENCE: &[&str] = &[
    "There are no groups: the rows have fewer distinct values than groups were asked for.",
    "The data hold {k} groups.",
    "The data hold no groups that {least} to {most} clusters could show, but a cut in {k} that comes back.",
    "The data hold no groups that {least} to {most} clusters could show, and no cut that comes back; the best is {k} clusters.",
    "The data hold {k} groups, and do not decide whether {more}.",
    "The data may hold {k} groups, or groups that are not round and are cut in parts: on the border of two \
     clusters the rows are as dense as in them.",
    "The data do not decide whether they hold {k} groups.",
    "The data hold no groups, and do not decide whether a cut in {k} comes back.",
    "On resampled rows the least stable cluster comes back (mean Jaccard {jaccard}, needed {needed}).",
    "On resampled rows the least stable cluster may come back or not (mean Jaccard {jaccard}, needed {needed}).",
    "On resampled rows the least stable cluster does not come back (mean Jaccard {jaccard}, needed {needed}).",
    "Its silhouette of {silhouette} is clearly above that of clouds without groups ({null} ± {spread}, needed above {needed}).",
    "Its silhouette of {silhouette} is not clearly above that of clouds without groups ({null} ± {spread}, needed above {needed}).",
    "Between any two clusters there are at least {share}% fewer rows than in them.",
    "Between any two clusters there are hardly any rows.",
    "Between some two clusters there are not clearly fewer rows than in clouds without groups.",
    "Judged on {n} rows.",
    "Judged on {draws} draws of {n} rows.",
    "Only round groups were looked for; HDBSCAN finds others, such as rings and bands.",
    // The number of personas.
    "The number of personas was given.",
    "The data hold {k} groups, but some have fewer than {people}.",
    "The data hold no groups of their own; people differ by degrees.",
    "The {k} personas are a practical division, which accounts for {share} of the differences between people.",
    "No division in {min} to {max} passes all criteria; this one fails least: {failed}.",
    "No division in {min} to {max} passes all criteria; this one does.",
    "Of those that pass all criteria, it is the largest whose last persona adds at least {share}.",
    "It is the smallest that passes all criteria; further personas add little.",
    "A finer, practical division into {k} passes all criteria and accounts for {share} of the differences between people; set k to {k} to have it.",
    "only {share} of the least stable persona is found again, needed {needed}",
    "a little less than the needed {needed} of the least stable persona is found again",
    "the smallest persona has {people}, needed {needed}",
    "the smallest persona has fewer than {people}, needed {needed}",
    "the personas differ in one trait only, and each needs {traits}",
    "{n} of {k} personas has fewer than {traits} traits that set them apart from every other persona",
    "{n} of {k} personas have fewer than {traits} traits that set them apart from every other persona",
];
