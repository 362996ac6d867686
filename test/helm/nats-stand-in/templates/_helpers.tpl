{{- define "nats.fullname" -}}{{ .Release.Name }}{{- end -}}

{{- define "nats.namespace" -}}{{ default .Release.Namespace .Values.namespaceOverride }}{{- end -}}

{{- define "nats.metadataNamespace" -}}
{{- with .Values.namespaceOverride }}
namespace: {{ . | quote }}
{{- end }}
{{- end }}

{{- define "nats.tlsCAVolumeMount" -}}
{{- with .Values.tlsCA }}
{{- if and .enabled (or .configMapName .secretName) }}
- name: tls-ca
  mountPath: {{ .dir | quote }}
{{- end }}
{{- end }}
{{- end }}

{{- define "nats.selectorLabels" -}}
app.kubernetes.io/name: nats
app.kubernetes.io/instance: {{ .Release.Name | quote }}
app.kubernetes.io/component: nats
{{- end -}}

{{- define "nats.labels" -}}
helm.sh/chart: nats-{{ .Chart.Version }}
{{ include "nats.selectorLabels" . }}
{{- end -}}

{{/* A file of files/, then merge, then patch: (list root file options) as JSON. */}}
{{- define "nats.load" -}}
{{- $root := index . 0 -}}
{{- $options := index . 2 -}}
{{- $doc := tpl ($root.Files.Get (printf "files/%s.yaml" (index . 1))) $root | fromYaml -}}
{{- $doc = mergeOverwrite $doc (deepCopy $options.merge) -}}
{{- include "natsgate.patched" (dict "doc" $doc "patch" $options.patch) -}}
{{- end -}}

{{/* Values with each {$tplYaml: text} replaced by what the text renders to: (dict doc root) as JSON {doc}. */}}
{{- define "nats.tplYaml" -}}
{{- $root := .root -}}
{{- $new := .doc -}}
{{- if kindIs "map" .doc -}}
{{- if hasKey .doc "$tplYaml" -}}
{{- $new = (printf "doc: %s" (tpl (get .doc "$tplYaml") $root | toString | nindent 2) | fromYaml).doc -}}
{{- else -}}
{{- $new = dict -}}
{{- range $key, $value := .doc -}}{{- $_ := set $new $key (include "nats.tplYaml" (dict "doc" $value "root" $root) | fromJson).doc -}}{{- end -}}
{{- end -}}
{{- else if kindIs "slice" .doc -}}
{{- $new = list -}}
{{- range .doc -}}{{- $new = append $new (include "nats.tplYaml" (dict "doc" . "root" $root) | fromJson).doc -}}{{- end -}}
{{- end -}}
{{- toJson (dict "doc" $new) -}}
{{- end -}}
