//! The transactions that are answered here: number, path, name, whether they change anything, module.

use super::call::{Call, Ran};
use super::fields::Table;
use crate::desk::Desk;

/// Whether a transaction changes anything.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mode {
    /// Answered afresh each time.
    Query,
    /// Done once: its answer is kept and given again to the same message.
    Change,
}

/// One transaction.
#[derive(Debug)]
pub struct Route {
    /// `infno` as sent.
    pub infno: &'static str,
    /// The transaction it is a variant of; itself for most.
    pub base: &'static str,
    /// Its name.
    pub name: &'static str,
    /// Whether it changes anything.
    pub mode: Mode,
    /// Last two parts of its path where a province gives each transaction one; empty where none is known.
    pub path: &'static str,
    pub(crate) tables: &'static [&'static Table],
}

macro_rules! routes {
    ($($infno:literal $((of $base:literal))? $mode:ident $name:literal $path:literal => $module:ident $($tables:ident)?;)*) => {
        /// Every transaction.
        pub const ROUTES: &[Route] = &[$(Route {
            infno: $infno,
            base: routes!(@base $infno $($base)?),
            name: $name,
            mode: Mode::$mode,
            path: $path,
            tables: routes!(@tables $module $($tables)?),
        }),*];

        /// Hands a message to its transaction.
        pub(crate) async fn dispatch<D: Desk + ?Sized>(desk: &D, call: &mut Call<'_>) -> Ran {
            match call.route.infno {
                $($infno => super::$module::run(desk, call).await,)*
                _ => Err(super::Problem::new("INFNO_UNKNOWN", "/infno", "本系统不支持该交易").into()),
            }
        }
    };
    (@tables $module:ident) => { super::$module::TABLES };
    (@tables $module:ident $tables:ident) => { super::$module::$tables };
    (@base $infno:literal) => { $infno };
    (@base $infno:literal $base:literal) => { $base };
}

routes! {
    "1101" Query "人员基本信息获取" "fsiPsnInfoService/queryPsnInfo" => t1101;
    "1312" Query "医保目录信息查询" "catalogqueryservice/queryHilist" => t1312_1319;
    "1318" Query "医保目录限价信息查询" "catalogqueryservice/queryLmtprcByPage" => t1312_1319;
    "1319" Query "医保目录先自付比例信息查询" "catalogqueryservice/querySelfpayByPage" => t1312_1319;
    "1901" Query "字典表查询" "catalogqueryservice/queryDataDic" => t1901;
    "2001" Query "人员待遇享受检查" "fsiPsnPriorityInfoService/queryPsnPriorityInfo" => t2001;
    "2101" Query "药店预结算" "" => t2101_2102;
    "2102" Change "药店结算" "" => t2101_2102;
    "2103" Change "药店结算撤销" "" => t2208_2305;
    "2201" Change "门诊挂号" "outpatientDocInfoService/outpatientRregistration" => t2201;
    "2202" Change "门诊挂号撤销" "outpatientDocInfoService/outpatientRegistrationCancel" => t2202_2404;
    "2203" Change "门诊就诊信息上传" "outpatientDocInfoService/outpatientMdtrtinfoUp" => t2203;
    "2203A" (of "2203") Change "门诊就诊信息上传" "outpatientDocInfoService/outpatientMdtrtinfoUpA" => t2203;
    "2204" Change "门诊费用明细信息上传" "outpatientDocInfoService/outpatientFeeListUp" => t2204_2301;
    "2205" Change "门诊费用明细信息撤销" "outpatientDocInfoService/outpatientFeeListUpCancel" => t2205_2302;
    "2206" Query "门诊预结算" "outpatientSettleService/preSettletment" => t2206_2304;
    "2206A" (of "2206") Query "门诊预结算" "outpatientSettleService/preSettletmentA" => t2206_2304;
    "2207" Change "门诊结算" "outpatientSettleService/saveSettletmentV2" => t2206_2304;
    "2207A" (of "2207") Change "门诊结算" "outpatientSettleService/saveSettletmentA" => t2206_2304;
    "2208" Change "门诊结算撤销" "outpatientSettleService/cancleSettletment" => t2208_2305;
    "2301" Change "住院费用明细上传" "hospFeeDtlService/feeDtlUp" => t2204_2301;
    "2302" Change "住院费用明细撤销" "hospFeeDtlService/feeDtlCl" => t2205_2302;
    "2303" Query "住院预结算" "hospSettService/preSett" => t2206_2304;
    "2304" Change "住院结算" "hospSettService/settV2" => t2206_2304;
    "2305" Change "住院结算撤销" "hospSettService/settCl" => t2208_2305;
    "2401" Change "入院办理" "hospitalRegisterService/hospitalRegisterSave" => t2401;
    "2402" Change "出院办理" "dscgService/dischargeProcess" => t2402;
    "2403" Change "住院信息变更" "hospitalRegisterService/hospitalRegisterEdit" => t2403;
    "2404" Change "入院撤销" "hospitalRegisterService/hospitalRegisterCancel" => t2202_2404;
    "2405" Change "出院撤销" "dscgService/dischargeUndo" => t2405;
    "2501" Change "转院备案" "" => t2501_2507 REFERRAL_TABLES;
    "2502" Change "转院备案撤销" "" => t2502_2506;
    "2503" Change "人员慢特病备案" "" => t2501_2507;
    "2504" Change "人员慢特病备案撤销" "" => t2502_2506;
    "2505" Change "人员定点备案" "" => t2501_2507;
    "2506" Change "人员定点备案撤销" "" => t2502_2506;
    "2507" Change "人员意外伤害备案" "" => t2501_2507;
    "2601" Change "冲正交易" "reverseService/revsMethod" => t2601;
    "3101" Query "明细审核事前分析服务" "riskConService/beforeAnalyze" => t3101_3102;
    "3102" Query "明细审核事中分析服务" "riskConService/courseAnalyze" => t3101_3102;
    "3103" Change "事前事中服务反馈服务" "" => t3103;
    "3301" Change "目录对照上传" "catalogCompService/catalogCompUp" => t3301_3302;
    "3302" Change "目录对照撤销" "" => t3301_3302 WITHDRAWAL_TABLES;
    "4101" Change "医疗保障基金结算清单信息上传" "medinfoupload/setllistinfoupld" => t4101;
    "4101A" (of "4101") Change "医疗保障基金结算清单信息上传" "medinfoupload/setllistinfoupldA" => t4101;
    "4104" Query "医疗保障基金结算清单质控结果查询" "medinfoupload/queryQltctrlProblemPage" => t4104;
    "5201" Query "就诊信息查询" "" => t5201;
    "5203" Query "结算信息查询" "fsiIntegratedQueryService/querySetlInfo" => t5203;
    "5204" Query "费用明细查询" "fsiIntegratedQueryService/queryFeeList" => t5204;
    "5206" Query "人员累计信息查询" "fsiIntegratedQueryService/queryFixmedinsPracPsnSum" => t5206;
    "5301" Query "人员慢特病备案查询" "fsiIntegratedQueryService/queryPsnOpspReg" => t5301_5304;
    "5304" Query "转院信息查询" "" => t5301_5304;
    "9001" Change "签到" "signInSignOutService/signIn" => t9001_9002;
    "9002" Change "签退" "signInSignOutService/signOut" => t9001_9002;
    "100001" Query "政策项查询" "" => t100001;
    "D2601" Query "报文处理结果查询" "" => d2601;
}

/// The transaction of a number.
pub fn find(infno: &str) -> Option<&'static Route> {
    ROUTES.iter().find(|r| r.infno == infno)
}

/// The transaction that a request path names: by its number as last part, or by a path of its own.
/// None where the path names none, such as a common `callService`.
pub fn infno_of_path(path: &str) -> Option<&'static str> {
    let path = path.trim_end_matches('/');
    let last = path.rsplit('/').next().unwrap_or_default();
    let own = |r: &&Route| {
        !r.path.is_empty() && path.strip_suffix(r.path).is_some_and(|before| before.is_empty() || before.ends_with('/'))
    };
    find(last).or_else(|| ROUTES.iter().find(own)).map(|r| r.infno)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_and_paths_are_unique_and_bases_exist() {
        for (i, a) in ROUTES.iter().enumerate() {
            for b in &ROUTES[i + 1..] {
                assert_ne!(a.infno, b.infno);
                assert!(a.path.is_empty() || a.path != b.path);
            }
            let base = find(a.base).unwrap();
            assert_eq!(base.mode, a.mode);
        }
    }

    #[test]
    fn paths() {
        assert_eq!(infno_of_path("/fsi/api/rsfComIfsService/callService"), None);
        assert_eq!(infno_of_path("/fsi/api/rsfComIfsService/callService/2207"), Some("2207"));
        assert_eq!(infno_of_path("/fsi/api/outpatientSettleService/saveSettletmentV2/"), Some("2207"));
        assert_eq!(infno_of_path("/fsi/api/dscgService/dischargeUndo"), Some("2405"));
        assert_eq!(infno_of_path("/fsi/api/xdscgService/dischargeUndo"), None);
    }
}
