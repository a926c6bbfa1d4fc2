//! The words of a finding: a template with the evidence put in.

use std::collections::BTreeMap;

/// The placeholders of a template, in order.
pub(crate) fn placeholders(template: &str) -> Vec<&str> {
    let mut found = Vec::new();
    let mut rest = template;
    while let Some((_, after)) = rest.split_once('{') {
        let Some((name, tail)) = after.split_once('}') else { break };
        found.push(name);
        rest = tail;
    }
    found
}

/// Fills a template. Evidence that is missing is an error: a finding with a hole in its sentence
/// would not stand up in a dispute.
pub(crate) fn fill(template: &str, evidence: &BTreeMap<String, String>) -> Result<String, String> {
    let mut out = String::with_capacity(template.len() + 64);
    let mut rest = template;
    while let Some((before, after)) = rest.split_once('{') {
        let Some((name, tail)) = after.split_once('}') else { break };
        out.push_str(before);
        out.push_str(evidence.get(name).ok_or_else(|| format!("the message needs the evidence `{name}`"))?);
        rest = tail;
    }
    out.push_str(rest);
    Ok(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn evidence_fills_the_template() {
        let evidence = BTreeMap::from([("gap".to_owned(), "3".to_owned())]);
        assert_eq!(fill("出院{gap}天", &evidence), Ok("出院3天".into()));
        assert_eq!(fill("{days}", &evidence), Err("the message needs the evidence `days`".into()));
        assert_eq!(placeholders("{a}与{b}"), ["a", "b"]);
    }
}
