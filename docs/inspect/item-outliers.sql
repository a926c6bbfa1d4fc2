-- title: 医师开立项目的频次离群（四分位距）
-- param from = 2000-01-01 (date): 费用日期起
-- param to = 2100-01-01 (date): 费用日期止（不含）
-- param visits = 20 (whole): 医师就诊人次下限
-- param doctors = 5 (whole): 开立该项目的医师人数下限
-- param k = 1.5 (number): 超过上四分位数几倍四分位距
WITH line AS (
    SELECT f.bilg_dr_code AS doctor, f.fixmedins_code, f.med_list_codg AS item, f.mdtrt_id, f.cnt, f.det_item_fee_sumamt
    FROM fee_list_d f
    WHERE f.vali_flag = '1' AND f.bilg_dr_code IS NOT NULL
      AND f.fee_ocur_time >= :from AND f.fee_ocur_time < :to
), doctor AS (
    SELECT doctor, fixmedins_code, count(DISTINCT mdtrt_id) AS visits
    FROM line GROUP BY doctor, fixmedins_code HAVING count(DISTINCT mdtrt_id) >= :visits
), given AS (
    SELECT l.doctor, l.fixmedins_code, l.item, d.visits, sum(l.cnt) AS cnt, sum(l.det_item_fee_sumamt) AS fee,
           CAST(sum(l.cnt) AS DOUBLE) / d.visits AS per_visit
    FROM line l JOIN doctor d ON d.doctor = l.doctor AND d.fixmedins_code = l.fixmedins_code
    GROUP BY l.doctor, l.fixmedins_code, l.item, d.visits
), spread AS (
    SELECT item, count(*) AS doctors, percentile_cont(0.25) WITHIN GROUP (ORDER BY per_visit) AS q1,
           percentile_cont(0.75) WITHIN GROUP (ORDER BY per_visit) AS q3
    FROM given GROUP BY item HAVING count(*) >= :doctors
)
SELECT g.doctor AS bilg_dr_code, g.fixmedins_code, g.item AS med_list_codg, g.visits, g.cnt, g.fee AS det_item_fee_sumamt,
       round(g.per_visit, 4) AS per_visit, round(s.q1, 4) AS q1, round(s.q3, 4) AS q3, s.doctors
FROM given g JOIN spread s ON s.item = g.item
WHERE g.per_visit > s.q3 + :k * (s.q3 - s.q1)
ORDER BY per_visit - q3 DESC, g.doctor, g.item
