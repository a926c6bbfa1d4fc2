//! Bounds on what one message may hold. Everything that a sender can make large stands here.

/// Bounds on a message; a profile may lower them, never raise them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Elements of any one list.
    pub lines: usize,
    /// Levels of nesting.
    pub depth: usize,
    /// Values in the whole message.
    pub values: usize,
}

/// The widest bounds.
pub const WIDEST: Limits = Limits { lines: 5_000, depth: 32, values: 400_000 };

/// `err_msg` (C200 of the interface) and every other sentence to a hospital.
pub(crate) const SENTENCE_CHARS: usize = 200;
/// `warn_msg`.
pub(crate) const WARN_CHARS: usize = 2_000;
/// Fields named for one tolerance before they are only counted.
pub(crate) const PATHS_NAMED: usize = 5;
/// Problems of a message that are kept; the rest is only counted.
pub(crate) const PROBLEMS_KEPT: usize = 20;
/// `exp_content` and other free fields.
pub(crate) const FREE_CHARS: usize = 4_000;
/// `setl_proc_info` (C4000).
pub(crate) const PROCESS_CHARS: usize = 4_000;
/// `vola_cont` and `vola_evid` (C500).
pub(crate) const FINDING_CHARS: usize = 500;
/// Finding texts in `warn_msg` of a settlement.
pub(crate) const FINDINGS_NAMED: usize = 5;

/// At most so many characters, the last replaced by an ellipsis where something was cut.
pub(crate) fn cut(text: &str, chars: usize) -> String {
    if text.chars().count() <= chars {
        return text.to_owned();
    }
    let mut out: String = text.chars().take(chars.saturating_sub(1)).collect();
    out.push('…');
    out
}
