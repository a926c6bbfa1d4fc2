-- title: 核对：费用明细合计等于结算总额（应无行）
WITH line AS (
    SELECT f.setl_id, sum(f.det_item_fee_sumamt) AS total, sum(f.fulamt_ownpay_amt) AS ownpay,
           sum(f.overlmt_selfpay) AS overlimit, sum(f.preselfpay_amt) AS preselfpay, sum(f.inscp_amt) AS in_scope
    FROM fee_list_d f GROUP BY f.setl_id
)
SELECT s.setl_id, s.medfee_sumamt, l.total
FROM setl_d s FULL JOIN line l ON l.setl_id = s.setl_id
WHERE s.init_setl_id IS NULL
  AND (s.setl_id IS NULL OR l.setl_id IS NULL OR s.medfee_sumamt <> l.total OR l.total <> l.ownpay + l.overlimit + l.preselfpay + l.in_scope)
