-- title: 住院时间交叉（叠床）
-- param days = 1 (whole): 至少重叠的天数
-- param open_until = 2100-01-01 (date): 未出院的住院视同住到这一天
WITH stay AS (
    SELECT m.psn_no, m.mdtrt_id, m.fixmedins_code, CAST(m.begntime AS DATE) AS admitted,
           coalesce(CAST(m.endtime AS DATE), :open_until) AS discharged
    FROM mdtrt_d m
    WHERE m.vali_flag = '1'
      AND substr(m.med_type, 1, 2) IN ('21', '22', '23', '24', '28', '52', '71')
)
SELECT a.psn_no, a.mdtrt_id, a.fixmedins_code, a.admitted, a.discharged,
       b.mdtrt_id AS other_mdtrt_id, b.fixmedins_code AS other_fixmedins_code,
       b.admitted AS other_admitted, b.discharged AS other_discharged,
       least(a.discharged, b.discharged) - b.admitted AS days_overlapping
FROM stay a
JOIN stay b ON b.psn_no = a.psn_no AND b.mdtrt_id <> a.mdtrt_id
           AND (a.admitted < b.admitted OR (a.admitted = b.admitted AND a.mdtrt_id < b.mdtrt_id))
           AND b.admitted < a.discharged
WHERE least(a.discharged, b.discharged) - b.admitted >= :days
ORDER BY days_overlapping DESC, a.psn_no, a.mdtrt_id, b.mdtrt_id
