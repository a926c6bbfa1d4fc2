//! What is said about a message beside its answer: tolerances, warnings, problems.

use super::limits::{PATHS_NAMED, PROBLEMS_KEPT, SENTENCE_CHARS, WARN_CHARS, cut};
use crate::desk::{Refusal, RefusalKind};

/// Something read otherwise than the interface writes it. Each is named in `warn_msg`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Tolerance {
    NumberAsText,
    TextAsNumber,
    Truth,
    ObjectForList,
    ListForObject,
    EmptyElement,
    NodeLeftOut,
    TimeForm,
    DateOnly,
    TimeOnDate,
    Placeholder,
    KeyForm,
    UnknownKey,
    DuplicateKey,
    CodeForm,
    FreeObject,
    InputAsText,
    HeaderField,
    ByteOrderMark,
}

impl Tolerance {
    fn text(self) -> &'static str {
        match self {
            Self::NumberAsText => "数值以字符串传送",
            Self::TextAsNumber => "字符串以数值传送",
            Self::Truth => "标志以true/false传送",
            Self::ObjectForList => "应为列表，按单条读取",
            Self::ListForObject => "应为单个对象，按列表首条读取",
            Self::EmptyElement => "列表中的空元素已忽略",
            Self::NodeLeftOut => "缺少节点层，按上层读取",
            Self::TimeForm => "时间格式非yyyy-MM-dd HH:mm:ss",
            Self::DateOnly => "时间只有日期，按零时读取",
            Self::TimeOnDate => "日期带有时间，时间已忽略",
            Self::Placeholder => "占位符按空值读取",
            Self::KeyForm => "字段名写法不同，已对应",
            Self::UnknownKey => "未知字段已忽略",
            Self::DuplicateKey => "字段重复，取最后一个",
            Self::CodeForm => "代码写法不同，已对应",
            Self::FreeObject => "应为字符串的扩展内容以对象传送",
            Self::InputAsText => "input以字符串传送",
            Self::HeaderField => "报文头字段不合规范，未使用",
            Self::ByteOrderMark => "报文带有BOM，已忽略",
        }
    }
}

/// The tolerances and warnings of one message.
#[derive(Debug, Default)]
pub(crate) struct Notes {
    seen: Vec<(Tolerance, Vec<String>, usize)>,
    said: Vec<String>,
}

impl Notes {
    /// A tolerance at a field; beyond the first few of a kind the path is not even made.
    pub fn note(&mut self, what: Tolerance, path: impl FnOnce() -> String) {
        let at = match self.seen.iter().position(|(t, _, _)| *t == what) {
            Some(at) => at,
            None => {
                self.seen.push((what, Vec::new(), 0));
                self.seen.len() - 1
            }
        };
        let Some((_, paths, count)) = self.seen.get_mut(at) else { return };
        if paths.len() < PATHS_NAMED {
            let path = path();
            // an unknown key stands on every line of a list: named once
            if what == Tolerance::UnknownKey && paths.contains(&path) {
                return;
            }
            paths.push(path);
        }
        *count += 1;
    }

    /// A warning in words.
    pub fn say(&mut self, text: impl Into<String>) {
        self.said.push(text.into());
    }

    /// `warn_msg`: what the agency said, what the transaction said, then the tolerances if wanted.
    pub fn into_text(self, agency: Vec<String>, tolerances: bool) -> String {
        let mut parts = agency;
        parts.extend(self.said);
        if tolerances {
            parts.extend(self.seen.into_iter().map(|(what, paths, count)| {
                let more = if count > paths.len() { format!("等{count}处") } else { String::new() };
                let places = format!("{}{more}", paths.join("、"));
                if places.is_empty() { what.text().to_owned() } else { format!("{}：{places}", what.text()) }
            }));
        }
        parts.retain(|p| !p.is_empty());
        cut(&parts.join("；"), WARN_CHARS)
    }

    #[cfg(test)]
    pub fn count(&self, what: Tolerance) -> usize {
        self.seen.iter().find(|(t, _, _)| *t == what).map_or(0, |(_, _, n)| *n)
    }
}

/// Something wrong with the message, found before the agency was asked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Problem {
    /// `err_code`.
    pub code: &'static str,
    /// `err_path`, a JSON pointer.
    pub path: String,
    /// For `err_msg`.
    pub message: String,
    /// `err_hint`.
    pub hint: String,
}

impl Problem {
    pub fn new(code: &'static str, path: impl Into<String>, message: impl Into<String>) -> Self {
        Self { code, path: path.into(), message: cut(&message.into(), SENTENCE_CHARS), hint: String::new() }
    }
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = cut(&hint.into(), SENTENCE_CHARS);
        self
    }
}

/// All problems of a message: the first few in full, the rest counted.
#[derive(Debug, Default)]
pub(crate) struct Problems {
    kept: Vec<Problem>,
    count: usize,
}

impl Problems {
    pub fn push(&mut self, problem: impl FnOnce() -> Problem) {
        self.count += 1;
        if self.kept.len() < PROBLEMS_KEPT {
            self.kept.push(problem());
        }
    }
    pub fn is_empty(&self) -> bool {
        self.count == 0
    }
    pub fn count(&self) -> usize {
        self.count
    }
    pub fn kept(&self) -> &[Problem] {
        &self.kept
    }
}

/// Why a message is answered with an error.
#[derive(Debug)]
pub(crate) enum Failure {
    /// It is at fault itself.
    Message(Problems),
    /// The agency refused it; with the place where that is known.
    Refused(Box<Refusal>, Option<String>),
}

impl From<Refusal> for Failure {
    fn from(r: Refusal) -> Self {
        Self::Refused(Box::new(r), None)
    }
}

impl From<Problem> for Failure {
    fn from(p: Problem) -> Self {
        let mut all = Problems::default();
        all.push(|| p);
        Self::Message(all)
    }
}

impl Failure {
    /// Whether the same message may be sent again.
    pub fn retryable(&self) -> bool {
        matches!(self, Self::Refused(r, _) if r.kind == RefusalKind::TryAgain)
    }
}
