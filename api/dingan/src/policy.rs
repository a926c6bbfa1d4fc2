//! `dingan policy`.

use crate::serve::open_at;
use anyhow::{Context, bail};
use dingan_core::codes::SettlementId;
use dingan_core::explain::{Language, explain as words};
use dingan_core::policy::{self, BenefitPolicy};
use dingan_store::Location;
use std::path::PathBuf;

/// Checks policy files; says every problem with file and line. True if all can be used.
pub fn check(files: &[PathBuf]) -> anyhow::Result<bool> {
    let mut good = true;
    for f in files {
        let name = f.display();
        let text = std::fs::read_to_string(f).with_context(|| format!("cannot read {name}"))?;
        match BenefitPolicy::from_toml(&text) {
            Err(e) => {
                good = false;
                let line = e.span().map_or(0, |s| line_of(&text, s.start));
                say!("{name}:{line}: {}", e.message());
            }
            Ok(p) => {
                let problems = policy::check(&p);
                for x in &problems {
                    good &= x.warning;
                    let line = locate(&text, &x.path);
                    say!("{name}:{line}: {}{}: {}", if x.warning { "warning: " } else { "" }, x.path, x.message);
                }
                if problems.iter().all(|x| x.warning) {
                    say!("{name}: {} {} ({}) can be used", p.id, p.version, p.title);
                }
            }
        }
    }
    Ok(good)
}

fn line_of(text: &str, offset: usize) -> usize {
    text.get(..offset).unwrap_or(text).matches('\n').count() + 1
}

/// The line at which the figure of a path such as `layer.1.tier.0.ratio.2` stands, or its nearest parent.
fn locate(text: &str, path: &str) -> usize {
    let Ok(doc) = toml::de::DeTable::parse(text) else { return 1 };
    let mut at = 0;
    let mut here: Option<&toml::de::DeValue<'_>> = None;
    for (i, part) in path.split('.').enumerate() {
        let next = match here {
            None if i == 0 => doc.get_ref().get(part),
            Some(toml::de::DeValue::Table(t)) => t.get(part),
            Some(toml::de::DeValue::Array(a)) => part.parse::<usize>().ok().and_then(|n| a.get(n)),
            _ => None,
        };
        let Some(next) = next else { break };
        at = next.span().start;
        here = Some(next.get_ref());
    }
    line_of(text, at)
}

/// Prints the waterfall of a settlement.
pub async fn explain(setl_id: &str, at: &Location, english: bool) -> anyhow::Result<bool> {
    let agency = open_at(at).await?;
    let explained = agency.explain(&SettlementId::from(setl_id)).await;
    agency.store().clone().close().await;
    match explained {
        Ok((decision, policies)) => {
            let language = if english { Language::English } else { Language::Chinese };
            say_part!("{}", words(&decision, &policies, language));
            Ok(true)
        }
        Err(r) => bail!("{} ({})", r.message, r.code),
    }
}
