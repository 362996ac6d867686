{{/* What both kinds of monitor say of the scrape. */}}
{{- define "natsgate.monitorEndpoint" -}}
port: admin
path: /metrics
{{- if eq (include "natsgate.adminScheme" .root) "https" }}
scheme: https
tlsConfig:
  {{- toYaml .root.Values.metrics.tlsConfig | nindent 2 }}
{{- end }}
honorLabels: false
{{- range $key := list "interval" "scrapeTimeout" }}
{{- with index $.monitor $key }}
{{ $key }}: {{ . | quote }}
{{- end }}
{{- end }}
{{- range $key := list "relabelings" "metricRelabelings" }}
{{- with index $.monitor $key }}
{{ $key }}:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- end }}
{{- end -}}

{{- define "natsgate.monitorLimits" -}}
sampleLimit: {{ int .sampleLimit }}
labelLimit: {{ int .labelLimit }}
{{- with .attachMetadata }}
attachMetadata:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- end -}}
