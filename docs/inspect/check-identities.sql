-- title: 核对：结算金额恒等式，冲正与原单相抵（应无行）
SELECT s.setl_id, 'header' AS identity
FROM setl_d s
WHERE s.medfee_sumamt <> s.fund_pay_sumamt + s.psn_pay + s.ownpay_hosp_part
   OR s.psn_pay <> s.acct_pay + s.cash_payamt
   OR s.fund_pay_sumamt <> s.hifp_pay + s.cvlserv_pay + s.hifes_pay + s.hifmi_pay + s.hifob_pay + s.hifdm_pay + s.maf_pay + s.othfund_pay
   OR s.medfee_sumamt <> s.fulamt_ownpay_amt + s.overlmt_selfpay + s.preselfpay_amt + s.inscp_amt
UNION ALL
SELECT r.setl_id, 'reversal'
FROM setl_d r LEFT JOIN setl_d o ON o.setl_id = r.init_setl_id
WHERE r.init_setl_id IS NOT NULL
  AND (o.setl_id IS NULL OR o.refd_setl_flag <> '1' OR o.medfee_sumamt + r.medfee_sumamt <> 0
       OR o.fund_pay_sumamt + r.fund_pay_sumamt <> 0 OR o.cash_payamt + r.cash_payamt <> 0)
