-- 住院期间另有门诊
SELECT s.psn_no, s.setl_id, s.fixmedins_code, s.medfee_sumamt
FROM setl_d s
WHERE s.med_type IN ('11', '41') AND s.refd_setl_flag = '0'
  AND EXISTS (SELECT 1 FROM mdtrt_d m WHERE m.psn_no = s.psn_no AND m.med_type = '21' AND m.vali_flag = '1'
              AND s.setl_time > m.begntime AND trunc(s.setl_time) < trunc(m.endtime))
ORDER BY s.setl_id
