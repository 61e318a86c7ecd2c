{{/* Names and labels. */}}

{{- define "ballast.name" -}}
{{ .Values.nameOverride | default .Chart.Name | trunc 40 | trimSuffix "-" }}
{{- end }}

{{/* Short enough for the longest suffix within the 52 characters of a CronJob's name. */}}
{{- define "ballast.fullname" -}}
{{- $name := include "ballast.name" . -}}
{{- $joined := contains $name .Release.Name | ternary .Release.Name (printf "%s-%s" .Release.Name $name) -}}
{{ .Values.fullnameOverride | default $joined | trunc 40 | trimSuffix "-" }}
{{- end }}

{{/* What never changes: selectors cannot. Takes the root and the component. */}}
{{- define "ballast.selector" -}}
app.kubernetes.io/name: {{ include "ballast.name" .root }}
app.kubernetes.io/instance: {{ .root.Release.Name }}
app.kubernetes.io/component: {{ .component }}
{{- end }}

{{/* Of pods: a new version of the chart alone must not restart them. */}}
{{- define "ballast.podLabels" -}}
{{ include "ballast.selector" . }}
app.kubernetes.io/version: {{ .root.Chart.AppVersion | quote }}
app.kubernetes.io/part-of: ballast
{{- with .root.Values.commonLabels }}
{{ toYaml . }}
{{- end }}
{{- end }}

{{- define "ballast.labels" -}}
{{ include "ballast.podLabels" . }}
app.kubernetes.io/managed-by: {{ .root.Release.Service }}
helm.sh/chart: {{ printf "%s-%s" .root.Chart.Name .root.Chart.Version | replace "+" "_" }}
{{- end }}

{{/* The metadata of an object. Takes the root, the component, a suffix of the name, and optionally
further labels and annotations. */}}
{{- define "ballast.metadata" -}}
metadata:
  name: {{ include "ballast.fullname" .root }}{{ .suffix }}
  namespace: {{ .root.Release.Namespace }}
  labels:
    {{- include "ballast.labels" . | nindent 4 }}
    {{- with .labels }}
    {{- toYaml . | nindent 4 }}
    {{- end }}
  {{- with merge (dict) (.annotations | default dict) .root.Values.commonAnnotations }}
  annotations:
    {{- toYaml . | nindent 4 }}
  {{- end }}
{{- end }}

{{/* The label of pods that may call the server. */}}
{{- define "ballast.clientLabel" -}}
{{ include "ballast.fullname" . }}-client: "true"
{{- end }}

{{- define "ballast.serviceAccount" -}}
{{- $made := .Values.serviceAccount.create | ternary (include "ballast.fullname" .) "default" -}}
{{ .Values.serviceAccount.name | default $made }}
{{- end }}

{{/* The address of the server within the cluster. */}}
{{- define "ballast.address" -}}
http{{ include "ballast.isTls" . }}://{{ include "ballast.fullname" . }}.{{ .Release.Namespace }}.svc:{{ .Values.service.port }}
{{- end }}

{{/* "s" if the servers speak TLS, by the settings' own certificate or by that of cert-manager. */}}
{{- define "ballast.isTls" -}}
{{- if or .Values.certManager.enabled (.Values.config.tls | default dict).certificate -}}s{{- end -}}
{{- end }}

{{/* What gateways and meshes are to speak to the servers. */}}
{{- define "ballast.appProtocol" -}}
{{- $derived := empty (include "ballast.isTls" .) | ternary "kubernetes.io/h2c" "https" -}}
{{ .Values.service.appProtocol | default $derived }}
{{- end }}
