#!/usr/bin/env bash
# An outpatient visit through the national interface, with curl alone: sign in, person, registration,
# visit information, lines, trial, settlement, query, reversal. Run it beside `dingan demo`:
#
#   cargo run -- demo            # leave it running
#   examples/outpatient.sh       # in another terminal
set -euo pipefail
base=${1:-http://127.0.0.1:8080}
hospital=${HOSPITAL:-H46902600007} psn_no=${PSN_NO:-S000002451} certno=${CERTNO:-460025190000024517}
insutype=${INSUTYPE:-390} item=${ITEM:-002503040050100}
now=$(date '+%Y-%m-%d %H:%M:%S') n=0 stamp=$(date +%Y%m%d%H%M%S)

# call INFNO INPUT: prints the answer; stops where it is a refusal
call() {
  n=$((n + 1))
  answer=$(curl -sS -X POST "$base/fsi/api/rsfComIfsService/callService" -H 'content-type: application/json' -d @- <<JSON
{"infno":"$1","msgid":"$hospital$stamp$(printf %04d $n)","mdtrtarea_admvs":"469026","insuplc_admdvs":"469026",
 "recer_sys_code":"FSI","infver":"V1.0","opter_type":"1","opter":"01","opter_name":"样例操作员","inf_time":"$now",
 "fixmedins_code":"$hospital","fixmedins_name":"样例医院","sign_no":"","input":$2}
JSON
  )
  printf '%s %s\n\n' "$1" "$answer"
  [[ $answer == *'"infcode":0'* ]] || { echo "refused" >&2; exit 1; }
}
field() { grep -o "\"$1\":\"[^\"]*\"" <<<"$answer" | head -1 | cut -d'"' -f4; }

call 9001 '{"signIn":{"opter_no":"01","mac":"00-00-00-00-00-00","ip":"127.0.0.1"}}'
call 1101 "{\"data\":{\"mdtrt_cert_type\":\"02\",\"mdtrt_cert_no\":\"$certno\",\"psn_cert_type\":\"01\",\"certno\":\"$certno\",\"psn_name\":\"\"}}"
call 2201 "{\"data\":{\"psn_no\":\"$psn_no\",\"insutype\":\"$insutype\",\"begntime\":\"$now\",\"mdtrt_cert_type\":\"02\",\"mdtrt_cert_no\":\"$certno\",\"psn_cert_type\":\"01\",\"certno\":\"$certno\",\"ipt_otp_no\":\"MZ$stamp\",\"dept_code\":\"A03\",\"dept_name\":\"内科\",\"caty\":\"A03\"}}"
visit=$(field mdtrt_id)
call 2203 "{\"mdtrtinfo\":{\"mdtrt_id\":\"$visit\",\"psn_no\":\"$psn_no\",\"med_type\":\"11\",\"begntime\":\"$now\",\"dise_codg\":\"I10.x00\",\"dise_name\":\"特发性高血压\"},\"diseinfo\":[{\"diag_type\":\"1\",\"diag_srt_no\":1,\"diag_code\":\"I10.x00\",\"diag_name\":\"特发性高血压\",\"diag_dept\":\"A03\",\"dise_dor_no\":\"D1\",\"dise_dor_name\":\"样例医师\",\"diag_time\":\"$now\",\"vali_flag\":\"1\"}]}"
line() { printf '{"feedetl_sn":"%s","mdtrt_id":"%s","psn_no":"%s","chrg_bchno":"%s","rx_circ_flag":"0","fee_ocur_time":"%s","med_list_codg":"%s","medins_list_codg":"X1","det_item_fee_sumamt":%s,"cnt":%s,"pric":%s,"bilg_dept_codg":"A03","bilg_dept_name":"内科","bilg_dr_codg":"D1","bilg_dr_name":"样例医师","hosp_appr_flag":"0"}' "$1" "$visit" "$psn_no" "$stamp" "$now" "$item" "$2" "$3" "$4"; }
call 2204 "{\"feedetail\":[$(line 1 80.00 1 80.00),$(line 2 45.68 2 22.84)]}"
settle="{\"data\":{\"psn_no\":\"$psn_no\",\"mdtrt_cert_type\":\"02\",\"mdtrt_cert_no\":\"$certno\",\"psn_cert_type\":\"01\",\"certno\":\"$certno\",\"med_type\":\"11\",\"medfee_sumamt\":125.68,\"psn_setlway\":\"01\",\"mdtrt_id\":\"$visit\",\"chrg_bchno\":\"$stamp\",\"acct_used_flag\":\"0\",\"insutype\":\"$insutype\"}}"
call 2206 "$settle"
call 2207 "$settle"
setl_id=$(field setl_id)
call 5203 "{\"data\":{\"psn_no\":\"$psn_no\",\"setl_id\":\"$setl_id\",\"mdtrt_id\":\"$visit\"}}"
call 100001 "{\"psn_No\":\"$psn_no\",\"setl_Id\":\"$setl_id\",\"mdtrt_Id\":\"$visit\"}"
call 2208 "{\"data\":{\"psn_no\":\"$psn_no\",\"setl_id\":\"$setl_id\",\"mdtrt_id\":\"$visit\"}}"
call 5206 "{\"data\":{\"psn_no\":\"$psn_no\",\"cum_ym\":\"\"}}"
echo "done: visit $visit, settlement $setl_id, reversed; ledger:"
curl -sS "$base/api/v1/ledger"; echo
