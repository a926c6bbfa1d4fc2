//! Abuse that hides, written by one who knew what is published about it and not what the rules look at, and innocent
//! things that resemble it. Each story says how it hides.

mod amounts;
mod lines;
mod records;
mod stays;
mod visits;

use super::Pattern;

pub(super) fn patterns() -> Vec<Pattern> {
    let mut all = lines::patterns();
    all.extend(amounts::patterns());
    all.extend(stays::patterns());
    all.extend(visits::patterns());
    all.extend(records::patterns());
    all
}
