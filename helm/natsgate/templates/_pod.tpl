{{/* The gateway's container image, environment and security: also those of the test. */}}
{{- define "natsgate.containerBase" -}}
image: {{ include "natsgate.image" . | quote }}
imagePullPolicy: {{ .Values.image.pullPolicy | quote }}
securityContext:
  {{- toYaml .Values.securityContext | nindent 2 }}
{{- end -}}

{{/* The pod around it: account, users, pull secrets. */}}
{{- define "natsgate.podBase" -}}
serviceAccountName: {{ include "natsgate.serviceAccountName" . | quote }}
automountServiceAccountToken: false
# Otherwise NATSGATE_PORT=tcp://... of a Service called natsgate is in the environment.
enableServiceLinks: false
securityContext:
  {{- toYaml .Values.podSecurityContext | nindent 2 }}
{{- if not (kindIs "invalid" .Values.hostUsers) }}
hostUsers: {{ .Values.hostUsers }}
{{- end }}
{{- $secrets := list }}
{{- range concat .Values.global.imagePullSecrets .Values.image.pullSecrets }}
{{- if kindIs "map" . }}{{ $secrets = append $secrets .name }}{{ else }}{{ $secrets = append $secrets . }}{{ end }}
{{- end }}
{{- with uniq $secrets }}
imagePullSecrets:
  {{- range . }}
  - name: {{ . | quote }}
  {{- end }}
{{- end }}
{{- range $key := list "priorityClassName" "runtimeClassName" "schedulerName" "dnsPolicy" }}
{{- with index $.Values $key }}
{{ $key }}: {{ . | quote }}
{{- end }}
{{- end }}
{{- range $key := list "nodeSelector" "tolerations" "dnsConfig" "hostAliases" }}
{{- with index $.Values $key }}
{{ $key }}:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- end }}
{{- end -}}

{{/* Secrets of the gateway as directories, never by subPath, which is not updated: name, secret. */}}
{{- define "natsgate.secretMounts" -}}
{{- $mounts := dict -}}
{{- if .Values.tls.enabled -}}{{- $_ := set $mounts "tls" (include "natsgate.tlsSecret" .) -}}{{- end -}}
{{- with .Values.upstreamTls.existingSecret -}}{{- $_ := set $mounts "upstream-tls" . -}}{{- end -}}
{{- with include "natsgate.proxySeedSecret" . -}}{{- $_ := set $mounts "proxy-seed" . -}}{{- end -}}
{{- with .Values.login.existingSecret -}}{{- $_ := set $mounts "login" . -}}{{- end -}}
{{- with include "natsgate.adminTokenSecret" . -}}{{- $_ := set $mounts "admin-token" . -}}{{- end -}}
{{- with .Values.adminTls.existingSecret -}}{{- $_ := set $mounts "admin-tls" . -}}{{- end -}}
{{- toJson $mounts -}}
{{- end -}}

{{/* extraEnv as a list, whatever form it was written in, as JSON {env}; null in a map stays null. */}}
{{- define "natsgate.extraEnv" -}}
{{- $env := list -}}
{{- if kindIs "slice" .Values.extraEnv -}}{{- $env = .Values.extraEnv -}}
{{- else -}}
{{- range $name, $value := default dict .Values.extraEnv -}}
{{- $env = append $env (merge (dict "name" $name) (kindIs "map" $value | ternary $value (dict "value" $value))) -}}
{{- end -}}
{{- end -}}
{{- dict "env" $env | toJson -}}
{{- end -}}

{{/* Variables of the container, as JSON {env}: the chart's own first, where no other has the name. */}}
{{- define "natsgate.env" -}}
{{- $own := dict "NODE_OPTIONS" (printf "--max-old-space-size-percentage=%d" (int .Values.heapPercentage)) "NATSGATE_DRAIN_BUDGET" (include "natsgate.drainBudget" .) -}}
{{- $extra := (include "natsgate.extraEnv" . | fromJson).env -}}
{{- range $extra -}}{{- $own = omit $own .name -}}{{- end -}}
{{- $env := list -}}
{{- range $name, $value := $own -}}{{- $env = append $env (dict "name" $name "value" $value) -}}{{- end -}}
{{- dict "env" (concat $env $extra) | toJson -}}
{{- end -}}

{{/* A probe, by https where the admin port speaks it: (list root probe). The kubelet verifies no certificate. */}}
{{- define "natsgate.probe" -}}
{{- $root := index . 0 -}}
{{- $probe := deepCopy (index . 1) -}}
{{- $ports := list "admin" ($root.Values.ports.admin | int | toString) -}}
{{- with $probe.httpGet -}}
{{- if and (has (toString .port) $ports) (not .scheme) (eq (include "natsgate.adminScheme" $root) "https") -}}
{{- $_ := set . "scheme" "HTTPS" -}}
{{- end -}}
{{- end -}}
{{- toYaml $probe -}}
{{- end -}}

{{- define "natsgate.container" -}}
name: natsgate
{{ include "natsgate.containerBase" . }}
{{- if .Values.diagnosticMode.enabled }}
command:
  {{- toYaml .Values.diagnosticMode.command | nindent 2 }}
args:
  {{- toYaml .Values.diagnosticMode.args | nindent 2 }}
{{- else }}
args:
  - --config=/etc/natsgate/config/natsgate.yaml
  - {{ printf "--listen=%s:%d" .Values.ports.host (int .Values.ports.public) | quote }}
  - {{ printf "--admin=%s:%d" .Values.ports.host (int .Values.ports.admin) | quote }}
  {{- with .Values.extraArgs }}
  {{- toYaml . | nindent 2 }}
  {{- end }}
{{- end }}
env:
  {{- range (include "natsgate.env" . | fromJson).env }}
  {{- if or .valueFrom (not (kindIs "invalid" .value)) }}
  - name: {{ .name | quote }}
    {{- with .valueFrom }}
    valueFrom:
      {{- toYaml . | nindent 6 }}
    {{- else }}
    value: {{ .value | toString | quote }}
    {{- end }}
  {{- end }}
  {{- end }}
{{- with .Values.extraEnvFrom }}
envFrom:
  {{- toYaml . | nindent 2 }}
{{- end }}
ports:
  - name: ws
    containerPort: {{ .Values.ports.public }}
    protocol: TCP
  - name: admin
    containerPort: {{ .Values.ports.admin }}
    protocol: TCP
{{- if not .Values.diagnosticMode.enabled }}
startupProbe:
  {{- include "natsgate.probe" (list . .Values.startupProbe) | nindent 2 }}
livenessProbe:
  {{- include "natsgate.probe" (list . .Values.livenessProbe) | nindent 2 }}
{{- end }}
readinessProbe:
  {{- include "natsgate.probe" (list . .Values.readinessProbe) | nindent 2 }}
{{- if .Values.diagnosticMode.enabled }}
{{- else if .Values.lifecycle }}
lifecycle:
  {{- toYaml .Values.lifecycle | nindent 2 }}
{{- else if .Values.preStopSleepSeconds }}
lifecycle:
  preStop:
    sleep:
      seconds: {{ .Values.preStopSleepSeconds }}
{{- end }}
resources:
  {{- toYaml .Values.resources | nindent 2 }}
volumeMounts:
  - name: config
    mountPath: /etc/natsgate/config
    readOnly: true
  {{- range $name, $_ := include "natsgate.secretMounts" . | fromJson }}
  - name: {{ $name }}
    mountPath: /etc/natsgate/{{ $name }}
    readOnly: true
  {{- end }}
  {{- with .Values.extraVolumeMounts }}
  {{- toYaml . | nindent 2 }}
  {{- end }}
{{- end -}}

{{- define "natsgate.podSpec" -}}
{{ include "natsgate.podBase" . }}
terminationGracePeriodSeconds: {{ include "natsgate.gracePeriod" . }}
{{- with .Values.affinity }}
affinity:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- $selector := dict "labelSelector" (dict "matchLabels" (include "natsgate.selectorLabels" . | fromYaml)) "matchLabelKeys" (list "pod-template-hash") }}
{{- $spread := list }}
{{- range .Values.topologySpreadConstraints }}
{{- if hasKey . "labelSelector" }}{{ $spread = append $spread . }}{{ else }}{{ $spread = append $spread (merge (dict) . $selector) }}{{ end }}
{{- end }}
{{- if not $spread }}
{{- range $key, $value := .Values.topologySpread }}
{{- $spread = append $spread (merge (dict "topologyKey" $key) $selector $value) }}
{{- end }}
{{- end }}
{{- with $spread }}
topologySpreadConstraints:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .Values.initContainers }}
initContainers:
  {{- toYaml . | nindent 2 }}
{{- end }}
containers:
  - {{ include "natsgate.container" . | nindent 4 | trim }}
  {{- with .Values.extraContainers }}
  {{- toYaml . | nindent 2 }}
  {{- end }}
volumes:
  - name: config
    configMap:
      name: {{ include "natsgate.fullname" . | quote }}
  {{- range $name, $secret := include "natsgate.secretMounts" . | fromJson }}
  - name: {{ $name }}
    secret:
      secretName: {{ $secret | quote }}
      defaultMode: 0400
  {{- end }}
  {{- with .Values.extraVolumes }}
  {{- toYaml . | nindent 2 }}
  {{- end }}
{{- end -}}
