-- title: 医院指标水位（与同级医院中位数比较）
-- param from = 2000-01-01 (date): 结算日期起
-- param to = 2100-01-01 (date): 结算日期止（不含）
-- param least = 10 (whole): 医院住院结算人次下限
WITH settled AS (
    SELECT s.setl_id, s.fixmedins_code, s.dedc_hosp_lv AS level, s.medfee_sumamt, s.fund_pay_sumamt, s.fulamt_ownpay_amt,
           s.enddate - s.begndate AS days
    FROM setl_d s
    WHERE s.refd_setl_flag = '0' AND substr(s.med_type, 1, 2) IN ('21', '22', '23', '24', '28', '52', '71')
      AND s.setl_time >= :from AND s.setl_time < :to
), drugs AS (
    SELECT f.setl_id, sum(f.det_item_fee_sumamt) AS drug
    FROM fee_list_d f WHERE f.vali_flag = '1' AND f.list_type IN ('101', '102', '103') GROUP BY f.setl_id
), hospital AS (
    SELECT t.fixmedins_code, t.level, count(*) AS n,
           CAST(sum(t.medfee_sumamt) AS DOUBLE) AS fee, CAST(sum(t.fund_pay_sumamt) AS DOUBLE) AS fund,
           CAST(sum(t.fulamt_ownpay_amt) AS DOUBLE) AS ownpay, CAST(sum(coalesce(d.drug, 0)) AS DOUBLE) AS drug,
           CAST(sum(t.days) AS DOUBLE) AS days
    FROM settled t LEFT JOIN drugs d ON d.setl_id = t.setl_id
    GROUP BY t.fixmedins_code, t.level
    HAVING count(*) >= :least AND sum(t.medfee_sumamt) > 0
), measure AS (
    SELECT fixmedins_code, level, n, 'fee_per_stay' AS measure, fee / n AS value FROM hospital
    UNION ALL SELECT fixmedins_code, level, n, 'days_per_stay', days / n FROM hospital
    UNION ALL SELECT fixmedins_code, level, n, 'fund_share', fund / fee FROM hospital
    UNION ALL SELECT fixmedins_code, level, n, 'ownpay_share', ownpay / fee FROM hospital
    UNION ALL SELECT fixmedins_code, level, n, 'drug_share', drug / fee FROM hospital
), peers AS (
    SELECT level, measure, count(*) AS hospitals, percentile_cont(0.5) WITHIN GROUP (ORDER BY value) AS median
    FROM measure GROUP BY level, measure
)
SELECT m.fixmedins_code, m.level, m.n AS stays, m.measure, round(m.value, 4) AS value, round(p.median, 4) AS peers_median,
       CASE WHEN p.median > 0 THEN round(m.value / p.median, 3) END AS ratio, p.hospitals
FROM measure m JOIN peers p ON p.measure = m.measure AND (p.level = m.level OR (p.level IS NULL AND m.level IS NULL))
ORDER BY m.measure, ratio DESC, m.fixmedins_code
