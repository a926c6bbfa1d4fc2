//! The shipped policies can be read and used.

use crate::build::policy_folder;
use dingan_core::policy::{BenefitPolicy, check};
use std::collections::BTreeSet;

#[test]
fn every_shipped_policy_can_be_used() {
    let mut names = BTreeSet::new();
    for entry in std::fs::read_dir(policy_folder()).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_stem().unwrap().to_string_lossy().into_owned();
        let text = std::fs::read_to_string(&path).unwrap();
        let policy = BenefitPolicy::from_toml(&text).unwrap_or_else(|e| panic!("{name}: {e}"));
        assert_eq!(check(&policy), Vec::new(), "{name}");
        assert!(name.starts_with(&policy.id), "{name}: a file is named after its policy");
        assert!(names.insert((policy.id.clone(), policy.version.clone())), "{name}: this version stands twice");
        // what is written back reads the same: the store keeps policies this way
        let json = serde_json::to_string(&policy).unwrap();
        assert_eq!(serde_json::from_str::<BenefitPolicy>(&json).unwrap(), policy, "{name}");
    }
    assert!(names.len() >= 8);
}

/// The check finds what would be wrong only once a claim meets it.
#[test]
fn the_check_finds_what_the_shape_lets_through() {
    let head = r#"
        format = 1
        id = "x"
        version = "1"
        title = "x"
        pool_area = "460000"
        insutype = "390"
        effective_from = "2020-01-01"
    "#;
    let layer = |more: &str| {
        format!(
            r#"{head}
            [[accumulator]]
            key = "base_y"
            feeds = "base"
            period = "year"
            [[accumulator]]
            key = "pay_y"
            feeds = "outlay"
            layers = ["two"]
            period = "year"
            [[layer]]
            id = "one"
            title = "one"
            fund = "hifp"
            fund_pay_type = "390100"
            base = "in-scope"
            {more}
            [[layer]]
            id = "two"
            title = "two"
            fund = "hifmi"
            fund_pay_type = "390200"
            base = "residual"
            [[layer.tier]]
            ratio = [{{ value = "0.5", source = "s" }}]
            "#
        )
    };
    let tier = "[[layer.tier]]\nratio = [{ value = \"0.5\", source = \"s\" }]\n";
    let cases = [
        ("layer.0.tier.0.ratio.0", "[[layer.tier]]\nratio = [{ value = \"0.5\" }]".to_owned()),
        ("layer.0.tier.0.ratio.0.value", "[[layer.tier]]\nratio = [{ value = \"1.5\", source = \"s\" }]".to_owned()),
        ("layer.0.max_ratio", format!("max_ratio = \"-0.1\"\n{tier}")),
        ("layer.0.tiers_accumulator", format!("tiers_accumulator = \"base_y\"\n{tier}")),
        ("layer.0.tiers_accumulator", format!("tiers_accumulator = \"pay_y\"\n{tier}")),
        ("layer.0.base_add", format!("base_add = [\"deductible\"]\n{tier}")),
        (
            "layer.0.cap.0.accumulator",
            format!(
                "{tier}[[layer.cap]]\non = \"outlay\"\naccumulator = \"pay_y\"\nvalue = [{{ value = 1, source = \"s\" }}]"
            ),
        ),
        (
            "layer.0.deductible.0.repeat",
            format!(
                "{tier}[[layer.deductible]]\nstandard = [{{ value = 1, source = \"s\" }}]\nrepeat = {{ accumulator = \"none\" }}"
            ),
        ),
    ];
    for (path, more) in cases {
        let policy = BenefitPolicy::from_toml(&layer(&more)).unwrap_or_else(|e| panic!("{path}: {e}"));
        let problems = check(&policy);
        assert!(problems.iter().any(|p| p.path == path), "{path}: {problems:?}");
    }
    assert_eq!(check(&BenefitPolicy::from_toml(&layer(tier)).unwrap()), Vec::new());
}
