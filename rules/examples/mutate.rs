use dingan_rules::{case::*, *};
fn main() {
    std::panic::set_hook(Box::new(|_| {}));
    for (s, p) in embedded_sources().iter().zip(&embedded_pages()) {
        let mut mutants = vec![];
        for (a, b) in [
            (" < ", " <= "),
            (" <= ", " < "),
            (" > ", " >= "),
            (" >= ", " > "),
            (" == ", " != "),
            (" != ", " == "),
            (" && ", " || "),
            (" || ", " && "),
            ("!", ""),
            ("continue;", ""),
            ("break;", ""),
            ("undecided(", "len("),
            ("true", "false"),
        ] {
            for (i, _) in s.rhai.match_indices(a) {
                let mut r = s.clone();
                r.rhai.replace_range(i..i + a.len(), b);
                mutants.push((format!("{}: {a} -> {b}", s.rhai[..i].matches('\n').count() + 1), r));
            }
        }
        for (name, param) in s.meta().unwrap().params {
            if let Some(n) = param.value.as_integer() {
                for d in [-1, 1] {
                    if let Ok(r) = s.with_param(&name, toml::Value::Integer(n + d)) {
                        mutants.push((format!("{name} {d:+}"), r));
                    }
                }
            }
            if param.value.is_array() {
                if let Ok(r) = s.with_param(&name, toml::Value::Array(vec![])) {
                    mutants.push((format!("{name} = []"), r));
                }
            }
        }
        for (what, m) in mutants {
            let killed = run_cases(&m, p).map(|r| r.iter().any(|c| c.failure.is_some())).unwrap_or(true);
            if !killed {
                println!("{} survives {what}", s.path);
            }
        }
    }
}
