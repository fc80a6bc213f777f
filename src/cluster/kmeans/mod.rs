mod assign;
mod sums;
