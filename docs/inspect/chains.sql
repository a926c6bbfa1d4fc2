-- title: 连续住院：出院后短期内又住院，首尾相接成串
-- param days = 7 (whole): 前次出院到下次入院最多间隔的天数
-- param least = 3 (whole): 一串至少几次住院
WITH stay AS (
    SELECT m.psn_no, m.mdtrt_id, m.fixmedins_code,
           CAST(m.begntime AS DATE) AS admitted, CAST(m.endtime AS DATE) AS discharged
    FROM mdtrt_d m
    WHERE m.vali_flag = '1' AND m.endtime IS NOT NULL
      AND substr(m.med_type, 1, 2) IN ('21', '22', '23', '24', '28', '52', '71')
), marked AS (
    -- one pass over all persons: a window for each of them would be slower
    SELECT s.*, CASE WHEN lag(psn_no) OVER w = psn_no AND admitted - lag(discharged) OVER w <= :days
                     THEN 0 ELSE 1 END AS first
    FROM stay s
    WINDOW w AS (ORDER BY psn_no, admitted, mdtrt_id)
), numbered AS (
    SELECT k.*, sum(first) OVER (ORDER BY psn_no, admitted, mdtrt_id
                                 ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW) AS chain
    FROM marked k
), money AS (
    SELECT mdtrt_id, sum(medfee_sumamt) AS fee, sum(fund_pay_sumamt) AS fund
    FROM setl_d WHERE refd_setl_flag = '0' GROUP BY mdtrt_id
)
SELECT n.psn_no, count(*) AS stays, count(DISTINCT n.fixmedins_code) AS hospitals,
       min(n.admitted) AS first_day, max(n.discharged) AS last_day,
       sum(n.discharged - n.admitted) AS days_in_hospital, sum(y.fee) AS medfee_sumamt, sum(y.fund) AS fund_pay_sumamt
FROM numbered n LEFT JOIN money y ON y.mdtrt_id = n.mdtrt_id
GROUP BY n.chain, n.psn_no
HAVING count(*) >= :least
ORDER BY stays DESC, n.psn_no, first_day
