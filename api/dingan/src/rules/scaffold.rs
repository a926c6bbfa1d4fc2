//! `rules new`: a folder to begin with. Its cases hold, so that one starts from something that works.

use anyhow::{Context, bail};
use dingan_rules::embedded_sources;
use std::path::Path;

const FAMILIES: [(&str, char); 4] = [("policy", '1'), ("management", '2'), ("medical", '3'), ("conduct", '4')];

const TOML: &str = r#"code = "@code"
title = "@title"
severity = "suspicious"
stages = ["during", "after"]
scope = "claim"
status = "draft"
version = 1
decidable = "2207"
message = "费用{amount}元，超过{limit}元。"

[applies]
object = ["institution"]
scenes = ["outpatient"]
window = "visit"

[param.limit]
type = "money"
value = "1000"
unit = "yuan"
min = "0"
max = "1000000"
doc = "What it means, and where the figure comes from."

[[basis]]
document = "the document it rests on"
date = "2021-05-01"

[selector]
visit = ["outpatient"]
"#;

const RHAI: &str = r"if claim.amount > param.limit {
    flag(claim, #{ amount: claim.amount, limit: param.limit });
}
";

const PAGE: &str = r#"# @code @title

## What it checks

Say in two or three sentences what is found, what is at stake, and what is left out.

## Why

Say why it matters, and how sure one can be of it. Where it judges by something in place of what it is about, say so, and
name it in `proxy`.

## Cases

```case flagged "above the limit"
visit = { begin = 2025-03-01 }
lines = [{ item = "XA1", price = 1200 }]
expect = [{ charge = 1200 }]
```

```case clean "below it"
visit = { begin = 2025-03-01 }
lines = [{ item = "XA1", price = 200 }]
```

```case boundary "exactly the limit"
visit = { begin = 2025-03-01 }
lines = [{ item = "XA1", price = 1000 }]
```

```case flagged "where the limit is lower"
visit = { begin = 2025-03-01 }
params = { limit = "100" }
lines = [{ item = "XA1", price = 200 }]
expect = [{ charge = 200 }]
```

## Known false alarms

- Whatever looks the same and is innocent.
"#;

/// Makes the folder of a new rule, under the next free code of its family.
pub fn new(library: &Path, family: &str, slug: &str, title: &str) -> anyhow::Result<bool> {
    let Some((_, digit)) = FAMILIES.iter().find(|(name, _)| *name == family) else {
        bail!("`{family}` is no family; there are policy, management, medical, conduct");
    };
    if slug.is_empty() || !slug.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-') {
        bail!("the slug names the pattern in small letters, digits and hyphens: same-day-scans");
    }
    // codes of the program's own library count too: none is ever used twice
    let here = if library.is_dir() {
        dingan_rules::sources_in(library).map_err(|p| anyhow::anyhow!("{p}"))?
    } else {
        Vec::new()
    };
    let own = format!("DG{digit}");
    let number = |path: &str| path.rsplit('/').next()?.strip_prefix(&own)?.get(..3)?.parse::<u32>().ok();
    let last = here.iter().chain(&embedded_sources()).filter_map(|s| number(&s.path)).max().unwrap_or(0);
    if last >= 999 {
        bail!("family {family} has no code left");
    }
    let code = format!("{own}{:03}", last + 1);
    let folder = library.join(family).join(format!("{code}-{slug}"));
    std::fs::create_dir_all(&folder).with_context(|| format!("cannot make {}", folder.display()))?;
    for (name, text) in [("rule.toml", TOML), ("rule.rhai", RHAI), ("rule.md", PAGE)] {
        let text = text.replace("@code", &code).replace("@title", title);
        std::fs::write(folder.join(name), text).with_context(|| format!("cannot write {name}"))?;
    }
    say!("{}", folder.display());
    Ok(true)
}
