#!/usr/bin/env bash
# A stay through the national interface with curl: admission, hundreds of lines, the daily trial on the
# open stay, a mid-stay settlement, more lines, discharge, trial, settlement, both reversals. Run it beside
# `dingan demo` as examples/outpatient.sh.
set -euo pipefail
base=${1:-http://127.0.0.1:8080}
hospital=${HOSPITAL:-H46902600001} psn_no=${PSN_NO:-S000002451} certno=${CERTNO:-460025190000024517}
insutype=${INSUTYPE:-390} item=${ITEM:-002503040050100} lines=${LINES_PER_PART:-300}
now=$(date '+%Y-%m-%d %H:%M:%S') stamp=$(date +%Y%m%d%H%M%S) n=5000
admitted=$(date -d '10 days ago' '+%Y-%m-%d 08:00:00') charged=$(date -d '5 days ago' '+%Y-%m-%d 09:00:00')

call() {
  n=$((n + 1))
  answer=$(curl -sS -X POST "$base/fsi/api/hospSettService" -H 'content-type: application/json' -d @- <<JSON
{"infno":"$1","msgid":"$hospital$stamp$(printf %04d $n)","mdtrtarea_admvs":"469026","insuplc_admdvs":"469026",
 "recer_sys_code":"FSI","infver":"V1.0","opter_type":"1","opter":"01","opter_name":"样例操作员","inf_time":"$now",
 "fixmedins_code":"$hospital","fixmedins_name":"样例医院","sign_no":"","input":$2}
JSON
  )
  [[ $answer == *'"infcode":0'* ]] || { printf '%s %s\nrefused\n' "$1" "$answer" >&2; exit 1; }
}
field() { grep -o "\"$1\":\"[^\"]*\"" <<<"$answer" | head -1 | cut -d'"' -f4; }
amounts() { # LABEL: the amounts of the last answer, and whether the ledger balances
  printf '%-22s' "$1"
  for f in medfee_sumamt inscp_scp_amt act_pay_dedc fund_pay_sumamt psn_part_amt hosp_part_amt; do
    printf ' %s %s' "$f" "$(grep -o "\"$f\":[-0-9.]*" <<<"$answer" | head -1 | cut -d: -f2)"
  done
  printf ' ledger %s\n' "$(curl -sS "$base/api/v1/ledger" | grep -o '"balanced":[a-z]*')"
}
upload() { # FIRST LAST
  local list='' i
  for ((i = $1; i <= $2; i++)); do
    list+=",{\"feedetl_sn\":\"$i\",\"mdtrt_id\":\"$visit\",\"psn_no\":\"$psn_no\",\"med_type\":\"21\",\"fee_ocur_time\":\"$charged\",\"med_list_codg\":\"$item\",\"medins_list_codg\":\"X1\",\"det_item_fee_sumamt\":7.77,\"cnt\":1,\"pric\":7.77,\"bilg_dept_codg\":\"A03\",\"bilg_dept_name\":\"内科\",\"bilg_dr_codg\":\"D1\",\"bilg_dr_name\":\"样例医师\"}"
  done
  call 2301 "{\"feedetail\":[${list:1}]}"
}
settle() { # INFNO MID_SETL_FLAG
  local total; total=$(awk "BEGIN{printf \"%.2f\", $lines*7.77}")
  call "$1" "{\"data\":{\"psn_no\":\"$psn_no\",\"mdtrt_cert_type\":\"02\",\"mdtrt_cert_no\":\"$certno\",\"psn_cert_type\":\"01\",\"certno\":\"$certno\",\"medfee_sumamt\":$total,\"psn_setlway\":\"01\",\"mdtrt_id\":\"$visit\",\"insutype\":\"$insutype\",\"acct_used_flag\":\"0\",\"mid_setl_flag\":\"$2\"}}"
}
diagnosis='"diag_type":"1","maindiag_flag":"1","diag_srt_no":1,"diag_code":"J18.900","diag_name":"肺炎","diag_dept":"A03","dise_dor_no":"D1","dise_dor_name":"样例医师"'

call 2401 "{\"mdtrtinfo\":{\"psn_no\":\"$psn_no\",\"insutype\":\"$insutype\",\"begntime\":\"$admitted\",\"mdtrt_cert_type\":\"02\",\"mdtrt_cert_no\":\"$certno\",\"cert_type\":\"01\",\"certno\":\"$certno\",\"med_type\":\"21\",\"ipt_no\":\"ZY$stamp\",\"atddr_no\":\"D1\",\"chfpdr_name\":\"样例医师\",\"adm_diag_dscr\":\"肺炎\",\"adm_dept_codg\":\"A03\",\"adm_dept_name\":\"内科\",\"adm_bed\":\"1\",\"dscg_maindiag_code\":\"J18.900\",\"dscg_maindiag_name\":\"肺炎\"},\"diseinfo\":[{\"psn_no\":\"$psn_no\",$diagnosis,\"diag_time\":\"$admitted\"}]}"
visit=$(field mdtrt_id)
upload 1 "$lines"
settle 2303 0; amounts '2303 on the open stay'
settle 2304 1; amounts '2304 mid-stay'; mid=$(field setl_id)
upload $((lines + 1)) $((2 * lines))
call 2402 "{\"dscginfo\":{\"mdtrt_id\":\"$visit\",\"psn_no\":\"$psn_no\",\"insutype\":\"$insutype\",\"endtime\":\"$now\",\"dscg_dept_codg\":\"A03\",\"dscg_dept_name\":\"内科\",\"dscg_way\":\"1\"},\"diseinfo\":[{\"mdtrt_id\":\"$visit\",\"psn_no\":\"$psn_no\",$diagnosis,\"diag_time\":\"$now\"}]}"
settle 2303 0; amounts '2303 at discharge'
settle 2304 0; amounts '2304'; last=$(field setl_id)
for id in "$last" "$mid"; do
  call 2305 "{\"data\":{\"psn_no\":\"$psn_no\",\"setl_id\":\"$id\",\"mdtrt_id\":\"$visit\"}}"; amounts "2305"
done
