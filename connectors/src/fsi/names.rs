//! Names of the national code lists that stand in answers (spec Hunan V1.1.27, dictionaries).

use dingan_core::policy::Place;
use std::collections::BTreeMap;

/// `fund_pay_type`.
const FUNDS: &[(&str, &str)] = &[
    ("310100", "城镇职工基本医疗保险统筹基金"),
    ("310101", "城镇职工基本医疗保险统筹基金（预付金）"),
    ("310102", "职工门诊统筹基金"),
    ("310200", "城镇职工基本医疗保险个人账户基金"),
    ("310201", "个人账户家庭共济"),
    ("310300", "职工大病补助基金"),
    ("310400", "军转干部医疗补助基金"),
    ("310500", "代缴基金（破产改制）"),
    ("320100", "公务员医疗补助基金"),
    ("320200", "厅级干部补助基金"),
    ("330100", "大额医疗费用补助基金"),
    ("330200", "职工意外伤害基金"),
    ("340100", "离休人员医疗保障基金"),
    ("340200", "离休老工人门慢保障基金"),
    ("350100", "一至六级残疾军人医疗补助基金"),
    ("370100", "企业补充医疗保险基金"),
    ("370200", "公益补充保险基金"),
    ("390100", "城乡居民基本医疗保险基金"),
    ("390101", "城乡居民基本医疗保险基金（预付金）"),
    ("390102", "居民门诊统筹基金"),
    ("390200", "城乡居民大病医疗保险基金"),
    ("390300", "城乡居民大病补充保险基金"),
    ("390400", "居民意外伤害基金"),
    ("390500", "居民家庭账户金"),
    ("410100", "工伤保险基金"),
    ("510100", "生育基金"),
    ("610100", "医疗救助基金"),
    ("610200", "优抚对象医疗补助基金"),
    ("620100", "特惠保补偿金"),
    ("630100", "医院减免金"),
    ("640100", "医院减免金"),
    ("999109", "农村低收入人口医疗补充保险"),
    ("999900", "医院垫付"),
    ("999996", "医院垫付基金"),
    ("999997", "其他基金"),
];

/// Name of a fund; of an unknown sub-code, that of its family (first four digits).
pub(crate) fn fund(code: &str) -> &'static str {
    let family = |c: &str| c.get(..4) == code.get(..4) && code.len() >= 4;
    let exact = FUNDS.iter().find(|(c, _)| *c == code);
    exact.or_else(|| FUNDS.iter().find(|(c, _)| family(c))).map_or("其他基金", |(_, name)| name)
}

/// `polItemCode`.
const POLICY_ITEMS: &[(&str, &str)] = &[
    ("101", "全自费总金额"),
    ("102", "先支付总金额"),
    ("103", "超限价总金额"),
    ("C000", "门诊（无分段）"),
    ("C001", "统筹一段"),
    ("C002", "统筹二段"),
    ("C003", "统筹三段"),
    ("C004", "统筹四段"),
    ("EC01", "基本医疗超封顶段"),
    ("GB01", "公务员补充第一段"),
    ("GB02", "公务员补充第二段"),
    ("GB03", "公务员补充第三段"),
    ("GB04", "公务员补充第四段"),
    ("GBS1", "公务员补充起付标准"),
    ("L001", "大额一段"),
    ("L002", "大额二段"),
    ("L003", "大额三段"),
    ("L004", "大额四段"),
    ("PL01", "补充大病第一段"),
    ("PL02", "补充大病第二段"),
    ("PL03", "补充大病第三段"),
    ("PL04", "补充大病第四段"),
    ("PL05", "补充大病第五段"),
    ("PL06", "补充大病第六段"),
    ("PL07", "补充大病第七段"),
    ("PS01", "补充大病起付标准"),
    ("S000", "转外自理"),
    ("S001", "本次应付起付标准"),
    ("S003", "自理（意外责任划分）"),
    ("TA01", "优先使用账户"),
];

/// Name of a policy item, where the list has it.
pub(crate) fn policy_item(code: &str) -> Option<&'static str> {
    POLICY_ITEMS.iter().find(|(c, _)| *c == code).map(|(_, name)| *name)
}

/// `clr_type` by prefixes of `med_type`: a profile's own before the general list, and for care elsewhere those
/// of its own list first.
#[derive(Debug, Clone, Default)]
pub(crate) struct ClrTypes {
    pub local: BTreeMap<String, String>,
    pub province: BTreeMap<String, String>,
    pub remote: BTreeMap<String, String>,
}

impl ClrTypes {
    pub fn of(&self, place: Place, med_type: &str) -> &str {
        let there = match place {
            Place::Local => &self.local,
            Place::Province => &self.province,
            Place::Remote => &self.remote,
        };
        for list in [there, &self.local] {
            let own = list.iter().filter(|(prefix, _)| med_type.starts_with(prefix.as_str()));
            if let Some((_, code)) = own.max_by_key(|(prefix, _)| prefix.len()) {
                return code;
            }
        }
        clr_type(med_type)
    }
}

/// The general list; longer prefixes first.
fn clr_type(med_type: &str) -> &'static str {
    const TYPES: &[(&str, &str)] = &[
        ("990101", "99923"),
        ("9901", "15"),
        ("9903", "1103"),
        ("9904", "18"),
        ("2102", "27"),
        ("1103", "99962"),
        ("11", "11"),
        ("12", "12"),
        ("13", "13"),
        ("18", "18"),
        ("14", "14"),
        ("15", "14"),
        ("16", "14"),
        ("17", "14"),
        ("19", "14"),
        ("22", "22"),
        ("21", "21"),
        ("23", "21"),
        ("24", "21"),
        ("28", "28"),
        ("41", "41"),
        ("51", "53"),
        ("53", "53"),
        ("52", "21"),
        ("71", "21"),
    ];
    TYPES.iter().find(|(prefix, _)| med_type.starts_with(prefix)).map_or("99", |(_, code)| code)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn unknown_sub_codes_take_the_name_of_their_family() {
        assert_eq!(fund("330101"), "大额医疗费用补助基金");
        assert_eq!(fund("310200"), "城镇职工基本医疗保险个人账户基金");
        assert_eq!(fund("1"), "其他基金");
    }

    #[test]
    fn every_kind_of_visit_is_cleared_somewhere() {
        for (med_type, want) in [("11", "11"), ("2101", "21"), ("21", "21"), ("2102", "27"), ("41", "41"), ("88", "99")]
        {
            assert_eq!(ClrTypes::default().of(Place::Remote, med_type), want);
        }
        let of = |prefix: &str, code: &str| [(prefix.to_owned(), code.to_owned())].into();
        let own = ClrTypes { local: of("52", "99940"), remote: of("2", "99968"), ..ClrTypes::default() };
        assert_eq!((own.of(Place::Local, "5201"), own.of(Place::Local, "21")), ("99940", "21"));
        assert_eq!((own.of(Place::Remote, "5201"), own.of(Place::Remote, "2101")), ("99940", "99968"));
    }
}
