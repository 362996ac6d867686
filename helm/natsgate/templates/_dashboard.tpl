{{/* Two releases have two dashboards, in one Grafana too: what tells them apart is written into the file. */}}
{{- define "natsgate.dashboard" -}}
{{- $release := printf "%s/%s" (include "natsgate.namespace" .) (include "natsgate.fullname" .) -}}
{{- .Files.Get "files/dashboards/natsgate.json"
  | replace "\"uid\": \"natsgate\"" (printf "\"uid\": \"natsgate-%s\"" (sha256sum $release | trunc 12))
  | replace "\"title\": \"natsgate\"" (printf "\"title\": \"natsgate (%s)\"" $release)
  | replace "\"0.001\"" (printf "\"%v\"" .Values.prometheusRule.thresholds.errorBudget) -}}
{{- end -}}
