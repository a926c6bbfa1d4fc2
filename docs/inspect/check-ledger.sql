-- title: 核对：每笔结算借贷相等，且等于应付医院、基金、账户、现金（应无行）
-- 更正和扣款的记账编号第7位为4，不是结算，只核对借贷相等
-- 手工报销（setl_type 1）不应付医院：基金支付的归个人，个人已在医院付清
WITH posted AS (
    SELECT g.setl_id, sum(g.amount) AS balance,
           sum(CASE WHEN g.account LIKE 'institution/%' THEN -g.amount ELSE 0 END) AS institution,
           sum(CASE WHEN g.account LIKE 'insured/%' THEN -g.amount ELSE 0 END) AS insured,
           sum(CASE WHEN g.account LIKE 'fund/%' THEN g.amount ELSE 0 END) AS fund,
           sum(CASE WHEN g.account LIKE 'account/%' THEN g.amount ELSE 0 END) AS account,
           sum(CASE WHEN g.account LIKE 'cash/%' THEN g.amount ELSE 0 END) AS cash
    FROM ledger_entry g GROUP BY g.setl_id
)
SELECT s.setl_id, s.setl_type, s.medfee_sumamt, p.balance, p.institution, p.insured, p.fund, p.account, p.cash
FROM setl_d s FULL JOIN posted p ON p.setl_id = s.setl_id
WHERE (s.setl_id IS NULL AND substr(p.setl_id, 7, 1) <> '4') OR (p.setl_id IS NULL AND s.medfee_sumamt <> 0)
   OR p.balance <> 0 OR p.fund <> s.fund_pay_sumamt OR p.account <> s.acct_pay
   OR p.institution <> CASE WHEN s.setl_type = '1' THEN 0 ELSE s.medfee_sumamt END
   OR p.insured <> CASE WHEN s.setl_type = '1' THEN s.fund_pay_sumamt ELSE 0 END
   OR p.cash <> CASE WHEN s.setl_type = '1' THEN 0 ELSE s.cash_payamt END
