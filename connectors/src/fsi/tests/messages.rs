//! One plain message for each transaction.

use serde_json::{Value, json};

/// Every transaction with an input that is right.
pub fn all() -> Vec<(&'static str, Value)> {
    vec![
        (
            "1101",
            json!({"data": {"mdtrt_cert_type": "02", "mdtrt_cert_no": "460001199001010011", "psn_cert_type": "01", "certno": "460001199001010011", "psn_name": "张某某"}}),
        ),
        (
            "2201",
            json!({"data": {"psn_no": "P1", "insutype": "310", "begntime": "2026-03-05 08:00:00", "mdtrt_cert_type": "02", "mdtrt_cert_no": "1", "psn_cert_type": "01", "certno": "1", "psn_type": "11", "psn_name": "张某某", "ipt_otp_no": "O1", "atddr_no": "Y1", "dr_name": "李", "dept_code": "D1", "dept_name": "内科", "caty": "A03"}}),
        ),
        ("2202", json!({"data": {"psn_no": "P1", "mdtrt_id": "V1", "ipt_otp_no": "O1"}})),
        (
            "2203",
            json!({"mdtrtinfo": {"mdtrt_id": "V1", "psn_no": "P1", "med_type": "11", "begntime": "2026-03-05 08:00:00", "dise_codg": "J18.900", "dise_name": "肺炎"}, "diseinfo": [diagnosis()]}),
        ),
        ("2204", json!({"feedetail": [line("1"), line("2")]})),
        ("2205", json!({"data": {"mdtrt_id": "V1", "chrg_bchno": "0000", "psn_no": "P1"}})),
        ("2206", settle(false)),
        ("2207", settle(false)),
        ("2208", json!({"data": {"setl_id": "S1", "mdtrt_id": "V1", "psn_no": "P1"}})),
        ("2301", json!({"feedetail": [line("1"), line("2")]})),
        (
            "2302",
            json!({"data": [{"feedetl_sn": "1", "mdtrt_id": "V1", "psn_no": "P1"}, {"feedetl_sn": "2", "mdtrt_id": "V1", "psn_no": "P1"}]}),
        ),
        ("2303", settle(true)),
        ("2304", settle(true)),
        ("2305", json!({"data": {"setl_id": "S1", "mdtrt_id": "V1", "psn_no": "P1"}})),
        (
            "2401",
            json!({"mdtrtinfo": {"psn_no": "P1", "insutype": "310", "begntime": "2026-03-01 12:00:00", "mdtrt_cert_type": "02", "cert_type": "01", "certno": "1", "med_type": "21", "ipt_no": "Z1", "atddr_no": "Y1", "chfpdr_name": "李", "adm_diag_dscr": "肺炎", "adm_dept_codg": "D1", "adm_dept_name": "内科", "adm_bed": "12", "dscg_maindiag_code": "J18.900", "dscg_maindiag_name": "肺炎", "insuplc_admdvs": "469021", "mdtrtarea_admvs": "469021"}, "diseinfo": [diagnosis()]}),
        ),
        (
            "2402",
            json!({"dscginfo": {"mdtrt_id": "V1", "psn_no": "P1", "insutype": "310", "endtime": "2026-03-04 12:00:00", "dscg_dept_codg": "D1", "dscg_dept_name": "内科", "dscg_bed": "12", "dscg_way": "1"}, "diseinfo": [diagnosis()]}),
        ),
        (
            "2403",
            json!({"adminfo": {"mdtrt_id": "V1", "psn_no": "P1", "begntime": "2026-03-01 12:00:00", "mdtrt_cert_type": "02", "med_type": "21", "ipt_otp_no": "Z1", "atddr_no": "Y1", "chfpdr_name": "李", "adm_diag_dscr": "肺炎", "adm_dept_codg": "D2", "adm_dept_name": "外科", "adm_bed": "13", "dscg_maindiag_code": "J18.900", "dscg_maindiag_name": "肺炎", "ttp_pay_prop": 0.25}, "diseinfo": [diagnosis()]}),
        ),
        ("2404", json!({"data": {"mdtrt_id": "V1", "psn_no": "P1"}})),
        ("2405", json!({"data": {"mdtrt_id": "V1", "psn_no": "P1"}})),
        ("2601", json!({"data": {"psn_no": "P1", "omsgid": "lost", "oinfno": "2207"}})),
        ("3101", review()),
        ("3102", review()),
        (
            "3103",
            json!({"data": {"warn_type": "1", "warns": [{"warn_rslt_id": "F1", "dspo_way": "2", "dspo_way_rea": ""}]}}),
        ),
        ("5203", json!({"data": {"psn_no": "P1", "setl_id": "S1", "mdtrt_id": "V1"}})),
        ("5204", json!({"data": {"psn_no": "P1", "setl_id": "S1", "mdtrt_id": "V1"}})),
        ("5206", json!({"data": {"psn_no": "P1", "cum_ym": "202603"}})),
        ("9001", json!({"signIn": {"opter_no": "op1", "mac": "00-11", "ip": "10.0.0.1"}})),
        ("9002", json!({"signOut": {"sign_no": "N1", "opter_no": "op1"}})),
        ("100001", json!({"psn_No": "P1", "setl_Id": "S1", "mdtrt_Id": "V1"})),
        ("D2601", json!({"data": {"omsgid": "lost"}})),
    ]
}

/// The input of one transaction.
pub fn of(infno: &str) -> Value {
    all().into_iter().find(|(i, _)| *i == infno).unwrap().1
}

fn diagnosis() -> Value {
    json!({"psn_no": "P1", "mdtrt_id": "V1", "diag_type": "1", "maindiag_flag": "1", "diag_srt_no": 1, "diag_code": "J18.900", "diag_name": "肺炎", "diag_dept": "D1", "dise_dor_no": "Y1", "dise_dor_name": "李", "diag_time": "2026-03-05 08:00:00", "vali_flag": "1"})
}

pub fn line(no: &str) -> Value {
    json!({"feedetl_sn": no, "mdtrt_id": "V1", "psn_no": "P1", "chrg_bchno": "B1", "rxno": "R1", "rx_circ_flag": "0", "fee_ocur_time": "2026-03-05 08:00:00", "med_type": "21", "med_list_codg": "A", "medins_list_codg": "h1", "det_item_fee_sumamt": 20.10, "cnt": 2, "pric": 10.05, "used_frqu_dscr": "tid", "prd_days": 3, "bilg_dept_codg": "D1", "bilg_dept_name": "内科", "bilg_dr_codg": "Y1", "bilg_dr_name": "李", "hosp_appr_flag": "0"})
}

fn settle(stay: bool) -> Value {
    let mut data = json!({"psn_no": "P1", "mdtrt_cert_type": "02", "mdtrt_cert_no": "1", "psn_cert_type": "01", "certno": "1", "psn_type": "11", "psn_name": "张某某", "medfee_sumamt": 4225.54, "psn_setlway": "01", "mdtrt_id": "V1", "acct_used_flag": "1", "insutype": "310", "fulamt_ownpay_amt": 0, "overlmt_selfpay": 0, "preselfpay_amt": 0, "inscp_scp_amt": 0});
    let more = if stay {
        json!({"mid_setl_flag": "0", "insuplc_admdvs": "469021", "mdtrtarea_admvs": "469021", "dscgTime": "2026-03-04"})
    } else {
        json!({"med_type": "11", "chrg_bchno": "B1"})
    };
    data.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    json!({"data": data})
}

pub fn order(id: &str, current: &str) -> Value {
    json!({"rx_id": id, "rxno": "R1", "long_drord_flag": "0", "hilist_type": "101", "chrg_type": "09", "drord_bhvr": "0", "hilist_code": "A", "hilist_name": "药", "hilist_lv": "01", "hilist_pric": 10.05, "hosplist_code": "h1", "hosplist_name": "药", "cnt": 2, "pric": 10.05, "sumamt": 20.10, "ownpay_amt": 0, "selfpay_amt": 0, "spec": "10mg", "spec_unt": "盒", "drord_begn_date": "2026-03-05", "drord_dept_codg": "D1", "drord_dept_name": "内科", "drord_dr_codg": "Y1", "drord_dr_name": "李", "drord_dr_profttl": "231", "curr_drord_flag": current, "extend_order_map": {"o_prdDays": "3"}})
}

pub fn encounter(id: &str, orders: Vec<Value>) -> Value {
    json!({"mdtrt_id": id, "medins_id": "H46902100001", "medins_name": "某医院", "medins_admdvs": "469021", "medins_type": "A1", "medins_lv": "05", "adm_date": "2026-03-01", "dscg_date": "2026-03-04", "dscg_main_dise_codg": "J18.900", "dscg_main_dise_name": "肺炎", "dr_codg": "Y1", "adm_dept_codg": "D1", "adm_dept_name": "内科", "dscg_dept_codg": "D1", "dscg_dept_name": "内科", "med_mdtrt_type": "2", "med_type": "21", "matn_stas": "0", "medfee_sumamt": 20.10, "ownpay_amt": 0, "selfpay_amt": 0, "setl_totlnum": 0, "insutype": "310", "reim_flag": "2", "out_setl_flag": "0",
        "fsi_diagnose_dtos": [{"dise_id": "1", "inout_dise_type": "1", "maindise_flag": "1", "dias_srt_no": "1", "dise_codg": "J18.900", "dise_name": "肺炎", "dise_date": "2026-03-01"}],
        "fsi_order_dtos": orders})
}

fn review() -> Value {
    json!({"data": {"trig_scen": "5", "rule_ids": ["GZ001"], "patient_dtos": [
        {"patn_id": "P1", "patn_name": "张某某", "gend": "2", "brdy": "1990-01-01", "poolarea": "460000", "curr_mdtrt_id": "V1", "fsi_encounter_dtos": [encounter("V1", vec![order("a", "1"), order("b", "0")])]}
    ]}})
}
