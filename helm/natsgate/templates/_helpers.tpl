{{/* Room for the longest suffix ("-dashboard") is kept before anything is cut. */}}
{{- define "natsgate.name" -}}
{{- default .Chart.Name .Values.nameOverride | trunc 63 | trimSuffix "-" -}}
{{- end -}}

{{- define "natsgate.fullname" -}}
{{- $name := default .Chart.Name .Values.nameOverride -}}
{{- $full := printf "%s-%s" .Release.Name $name -}}
{{- if contains $name .Release.Name -}}{{- $full = .Release.Name -}}{{- end -}}
{{- default $full .Values.fullnameOverride | trunc 53 | trimSuffix "-" -}}
{{- end -}}

{{- define "natsgate.namespace" -}}
{{- default .Release.Namespace .Values.namespaceOverride -}}
{{- end -}}

{{- define "natsgate.selectorLabels" -}}
app.kubernetes.io/name: {{ include "natsgate.name" . | quote }}
app.kubernetes.io/instance: {{ .Release.Name | quote }}
app.kubernetes.io/component: "gateway"
{{- end -}}

{{/* Labels of one object: root, labels (own ones) and component. Own ones never replace those that selectors use. */}}
{{- define "natsgate.labels" -}}
{{- $root := .root -}}
{{- $standard := dict
  "app.kubernetes.io/name" (include "natsgate.name" $root)
  "app.kubernetes.io/instance" $root.Release.Name
  "app.kubernetes.io/component" (default "gateway" .component)
  "app.kubernetes.io/version" ($root.Chart.AppVersion | replace "+" "_" | trunc 63 | trimSuffix "-")
  "app.kubernetes.io/part-of" "natsgate"
  "app.kubernetes.io/managed-by" $root.Release.Service
  "helm.sh/chart" (printf "%s-%s" $root.Chart.Name $root.Chart.Version | replace "+" "_" | trunc 63 | trimSuffix "-") -}}
{{- include "natsgate.texts" (merge $standard .labels $root.Values.commonLabels) -}}
{{- end -}}

{{/* Labels of the pods: without the chart's version, or an update of the chart alone would disconnect everybody. */}}
{{- define "natsgate.podLabels" -}}
{{- $standard := merge (include "natsgate.selectorLabels" . | fromYaml) (dict "app.kubernetes.io/part-of" "natsgate") -}}
{{- include "natsgate.texts" (merge $standard .Values.podLabels .Values.commonLabels) -}}
{{- end -}}

{{/* metadata of one object: root, suffix or name, labels, annotations, component. */}}
{{- define "natsgate.metadata" -}}
name: {{ default (printf "%s%s" (include "natsgate.fullname" .root) (default "" .suffix)) .name | quote }}
namespace: {{ include "natsgate.namespace" .root | quote }}
labels:
  {{- include "natsgate.labels" (dict "root" .root "labels" (default dict .labels) "component" .component) | nindent 2 }}
{{- with merge (dict) (default dict .annotations) .root.Values.commonAnnotations }}
annotations:
  {{- include "natsgate.texts" . | nindent 2 }}
{{- end }}
{{- end -}}

{{/* A map of texts. Every value is quoted: n, on and 1e3 are no texts to YAML. */}}
{{- define "natsgate.texts" -}}
{{- $lines := list -}}
{{- range $key, $value := . -}}
{{- $lines = append $lines (printf "%s: %s" $key ($value | toString | quote)) -}}
{{- end -}}
{{- join "\n" $lines -}}
{{- end -}}

{{- define "natsgate.image" -}}
{{- $image := .Values.image -}}
{{- $name := $image.repository -}}
{{- with default $image.registry .Values.global.imageRegistry -}}{{- $name = printf "%s/%s" . $name -}}{{- end -}}
{{- if $image.digest -}}
{{- printf "%s@%s" $name $image.digest -}}
{{- else -}}
{{- printf "%s:%s" $name (default .Chart.AppVersion $image.tag) -}}
{{- end -}}
{{- end -}}

{{- define "natsgate.serviceAccountName" -}}
{{- $own := ternary (include "natsgate.fullname" .) "default" .Values.serviceAccount.create -}}
{{- default $own .Values.serviceAccount.name -}}
{{- end -}}

{{- define "natsgate.tlsSecret" -}}
{{- default (printf "%s-tls" (include "natsgate.fullname" .)) .Values.tls.existingSecret -}}
{{- end -}}

{{/* Who decides how many pods there are. */}}
{{- define "natsgate.leastPods" -}}
{{- if .Values.autoscaling.enabled -}}{{ .Values.autoscaling.minReplicas }}
{{- else if .Values.keda.enabled -}}{{ .Values.keda.minReplicaCount }}
{{- else -}}{{ .Values.replicaCount }}
{{- end -}}
{{- end -}}

{{/* One key of the gateway's configuration: (list root section key default). For sections without a short form. */}}
{{- define "natsgate.configKey" -}}
{{- $section := index (index . 0).Values.config (index . 1) -}}
{{- $value := index . 3 -}}
{{- if hasKey $section (index . 2) -}}{{- $value = index $section (index . 2) -}}{{- end -}}
{{- $value | toString -}}
{{- end -}}

{{/* A duration of the gateway's configuration (500ms, 1.5s, 5m, 0) in whole seconds, rounded up. */}}
{{- define "natsgate.seconds" -}}
{{- $number := regexFind "^[0-9.]+" . | float64 -}}
{{- if hasSuffix "ms" . -}}{{- divf $number 1000 | ceil | int -}}
{{- else if hasSuffix "h" . -}}{{- mulf $number 3600 | ceil | int -}}
{{- else if hasSuffix "m" . -}}{{- mulf $number 60 | ceil | int -}}
{{- else -}}{{- $number | ceil | int -}}
{{- end -}}
{{- end -}}

{{/* Seconds from the end of a pod's life that are promised to its clients: sleep, then delay, then timeout. */}}
{{- define "natsgate.drainSeconds" -}}
{{- $delay := include "natsgate.seconds" (include "natsgate.configKey" (list . "drain" "delay" "5s")) | int -}}
{{- $timeout := include "natsgate.seconds" (include "natsgate.configKey" (list . "drain" "timeout" "30s")) | int -}}
{{- add .Values.preStopSleepSeconds $delay $timeout -}}
{{- end -}}

{{- define "natsgate.gracePeriod" -}}
{{- $own := .Values.terminationGracePeriodSeconds -}}
{{- if kindIs "invalid" $own -}}{{- add (include "natsgate.drainSeconds" . | int) 10 -}}{{- else -}}{{- int $own -}}{{- end -}}
{{- end -}}

{{/* Sessions of a pod at which another one is wanted. */}}
{{- define "natsgate.sessionsTarget" -}}
{{- $own := .Values.autoscaling.sessions.averageValue -}}
{{- if kindIs "invalid" $own -}}
{{- $limit := include "natsgate.configKey" (list . "limits" "sessions" "auto") -}}
{{- $limit = ternary "10000" $limit (eq $limit "auto") -}}
{{- mulf ($limit | float64) 0.65 | floor | int -}}
{{- else -}}{{- $own -}}{{- end -}}
{{- end -}}

{{/* What the gateway reads: the values' config, and what the chart knows better. */}}
{{- define "natsgate.config" -}}
{{- $config := deepCopy .Values.config -}}
{{- if not (kindIs "map" $config.upstream) -}}{{- $_ := set $config "upstream" (dict "servers" $config.upstream) -}}{{- end -}}
{{- if .Values.tls.enabled -}}
{{- $tls := dict "certFile" (printf "/etc/natsgate/tls/%s" .Values.tls.certKey) "keyFile" (printf "/etc/natsgate/tls/%s" .Values.tls.keyKey) -}}
{{- with .Values.tls.clientCaKey -}}{{- $_ := set $tls "clientCaFile" (printf "/etc/natsgate/tls/%s" .) -}}{{- end -}}
{{- $config = mergeOverwrite $config (dict "listen" (dict "tls" $tls)) -}}
{{- end -}}
{{- if .Values.upstreamTls.existingSecret -}}
{{- $tls := dict -}}
{{- range $key, $file := dict "caFile" .Values.upstreamTls.caKey "certFile" .Values.upstreamTls.certKey "keyFile" .Values.upstreamTls.keyKey -}}
{{- if $file -}}{{- $_ := set $tls $key (printf "/etc/natsgate/upstream-tls/%s" $file) -}}{{- end -}}
{{- end -}}
{{- $config = mergeOverwrite $config (dict "upstream" (dict "tls" $tls)) -}}
{{- end -}}
{{- if include "natsgate.proxySeedSecret" . -}}
{{- $config = mergeOverwrite $config (dict "upstream" (dict "proxySeedFile" (printf "/etc/natsgate/proxy-seed/%s" .Values.proxySeed.key))) -}}
{{- end -}}
{{- if include "natsgate.adminTokenSecret" . -}}
{{- $config = mergeOverwrite $config (dict "admin" (dict "tokenFile" (printf "/etc/natsgate/admin-token/%s" .Values.adminToken.key))) -}}
{{- end -}}
{{- toPrettyJson $config -}}
{{- end -}}

{{- define "natsgate.proxySeedSecret" -}}
{{- if .Values.proxySeed.existingSecret -}}{{- .Values.proxySeed.existingSecret -}}
{{- else if .Values.proxySeed.value -}}{{- include "natsgate.fullname" . -}}
{{- end -}}
{{- end -}}

{{- define "natsgate.adminTokenSecret" -}}
{{- if .Values.adminToken.existingSecret -}}{{- .Values.adminToken.existingSecret -}}
{{- else if .Values.adminToken.value -}}{{- include "natsgate.fullname" . -}}
{{- end -}}
{{- end -}}

{{/* Origins that may connect, whatever form they were written in: one a line. */}}
{{- define "natsgate.origins" -}}
{{- $origins := .Values.config.origins -}}
{{- if kindIs "map" $origins -}}{{- $origins = $origins.allow -}}{{- end -}}
{{- join "\n" $origins -}}
{{- end -}}

{{- define "natsgate.scheme" -}}
{{- ternary "wss" "ws" .Values.tls.enabled -}}
{{- end -}}

{{/* Matchers of this release's series. */}}
{{- define "natsgate.series" -}}
{{- $job := printf "%s-metrics" (include "natsgate.fullname" .) -}}
{{- if .Values.metrics.podMonitor.enabled -}}{{- $job = printf "%s/%s" (include "natsgate.namespace" .) (include "natsgate.fullname" .) -}}{{- end -}}
{{- default (printf "namespace=%q,job=%q" (include "natsgate.namespace" .) $job) .Values.prometheusRule.selector -}}
{{- end -}}
