{{/* What pods have in common, and the pod of a server. */}}

{{- define "ballast.image" -}}
{{- $image := .Values.image -}}
{{- with $image.registry }}{{ . }}/{{ end }}{{ $image.repository }}:{{ $image.tag | default .Chart.AppVersion }}
{{- with $image.digest }}@{{ . }}{{ end }}
{{- end }}

{{/* The start of each pod's specification: nothing in it needs the API of Kubernetes. Variables of
services are left out, because those of a service called ballast-… would look like settings. */}}
{{- define "ballast.podBasics" -}}
automountServiceAccountToken: false
enableServiceLinks: false
{{- with .Values.imagePullSecrets }}
imagePullSecrets:
  {{- toYaml . | nindent 2 }}
{{- end }}
securityContext:
  {{- toYaml .Values.podSecurityContext | nindent 2 }}
{{- with .Values.nodeSelector }}
nodeSelector:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .Values.tolerations }}
tolerations:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- end }}

{{/* The start of each container. */}}
{{- define "ballast.containerBasics" -}}
image: {{ include "ballast.image" . | quote }}
imagePullPolicy: {{ .Values.image.pullPolicy }}
securityContext:
  {{- toYaml .Values.containerSecurityContext | nindent 2 }}
{{- end }}

{{/* Waits for tables that a job of the same release makes. */}}
{{- define "ballast.waitForTables" -}}
- name: wait-for-tables
  {{- include "ballast.containerBasics" . | nindent 2 }}
  args: [migrate, --check]
  env:
    {{- include "ballast.databaseEnv" (dict "root" . "secret" .Values.database.existingSecret) | nindent 4 }}
  resources:
    {{- toYaml .Values.migrations.resources | nindent 4 }}
  {{- with include "ballast.caMount" . }}
  volumeMounts:
    {{- . | nindent 4 }}
  {{- end }}
{{- end }}

{{- define "ballast.server" -}}
{{- $isScaled := eq .Values.mode "scaled" -}}
- name: server
  {{- include "ballast.containerBasics" . | nindent 2 }}
  args: [serve, --config, /etc/ballast/ballast.toml]
  {{- if or $isScaled .Values.extraEnv }}
  env:
    {{- if $isScaled }}
    {{- include "ballast.databaseEnv" (dict "root" . "secret" .Values.database.existingSecret) | nindent 4 }}
    {{- with include "ballast.standbyEnv" . }}
    {{- . | nindent 4 }}
    {{- end }}
    {{- end }}
    {{- with .Values.extraEnv }}
    {{- toYaml . | nindent 4 }}
    {{- end }}
  {{- end }}
  ports:
    - {name: grpc, containerPort: {{ .Values.server.ports.grpc }}}
    - {name: admin, containerPort: {{ .Values.server.ports.admin }}}
  startupProbe:
    httpGet: {path: /livez, port: admin}
    periodSeconds: 2
    timeoutSeconds: 2
    failureThreshold: {{ div (add .Values.probes.startup.timeoutSeconds 1) 2 }}
  readinessProbe:
    httpGet: {path: {{ .Values.probes.readiness.path }}, port: admin}
    periodSeconds: {{ .Values.probes.readiness.periodSeconds }}
    timeoutSeconds: 2
    failureThreshold: 2
  livenessProbe:
    httpGet: {path: /livez, port: admin}
    periodSeconds: {{ .Values.probes.liveness.periodSeconds }}
    timeoutSeconds: 5
    failureThreshold: {{ .Values.probes.liveness.failureThreshold }}
  resources:
    {{- toYaml .Values.resources | nindent 4 }}
  volumeMounts:
    - {name: settings, mountPath: /etc/ballast/ballast.toml, subPath: ballast.toml, readOnly: true}
    {{- if $isScaled }}
    {{- with include "ballast.caMount" . }}
    {{- . | nindent 4 }}
    {{- end }}
    {{- else }}
    - {name: store, mountPath: /var/lib/ballast}
    - {name: temporary, mountPath: /tmp}
    {{- end }}
    {{- if .Values.certManager.enabled }}
    {{- include "ballast.certificateMount" . | nindent 4 }}
    {{- end }}
    {{- with .Values.extraVolumeMounts }}
    {{- toYaml . | nindent 4 }}
    {{- end }}
{{- end }}

{{/* The volumes of a server but for a claim made by the StatefulSet. */}}
{{- define "ballast.volumes" -}}
- name: settings
  configMap: {name: {{ include "ballast.fullname" . }}}
{{- if eq .Values.mode "scaled" }}
{{- with include "ballast.caVolume" . }}
{{ . }}
{{- end }}
{{- else }}
- name: temporary
  emptyDir: {sizeLimit: {{ .Values.persistence.temporarySize }}}
{{- if not .Values.persistence.enabled }}
- name: store
  emptyDir: {}
{{- else if .Values.persistence.existingClaim }}
- name: store
  persistentVolumeClaim: {claimName: {{ .Values.persistence.existingClaim }}}
{{- end }}
{{- end }}
{{- if .Values.certManager.enabled }}
{{ include "ballast.certificateVolume" . }}
{{- end }}
{{- with .Values.extraVolumes }}
{{ toYaml . }}
{{- end }}
{{- end }}

{{/* The template of a server's pod. */}}
{{- define "ballast.podTemplate" -}}
{{- $labels := dict "root" . "component" "server" -}}
metadata:
  labels:
    {{- include "ballast.podLabels" $labels | nindent 4 }}
    {{- with .Values.podLabels }}
    {{- toYaml . | nindent 4 }}
    {{- end }}
  annotations:
    checksum/settings: {{ include "ballast.settings" . | sha256sum }}
    {{- with .Values.podAnnotations }}
    {{- toYaml . | nindent 4 }}
    {{- end }}
spec:
  {{- include "ballast.podBasics" . | nindent 2 }}
  serviceAccountName: {{ include "ballast.serviceAccount" . }}
  terminationGracePeriodSeconds: {{ .Values.terminationGracePeriodSeconds }}
  {{- with .Values.priorityClassName }}
  priorityClassName: {{ . }}
  {{- end }}
  {{- with .Values.runtimeClassName }}
  runtimeClassName: {{ . }}
  {{- end }}
  {{- with .Values.affinity }}
  affinity:
    {{- toYaml . | nindent 4 }}
  {{- end }}
  {{- if eq .Values.mode "scaled" }}
  {{- with .Values.topologySpreadConstraints }}
  topologySpreadConstraints:
    {{- range . }}
    - labelSelector:
        matchLabels:
          {{- include "ballast.selector" $labels | nindent 10 }}
      matchLabelKeys: [pod-template-hash]
      {{- toYaml . | nindent 6 }}
    {{- end }}
  {{- end }}
  {{- end }}
  {{- $waits := and (eq .Values.mode "scaled") (not (and .Values.migrations.enabled .Values.migrations.useHelmHooks)) }}
  {{- if or $waits .Values.initContainers }}
  initContainers:
    {{- /* The way to the database may be one of these. */}}
    {{- with .Values.initContainers }}
    {{- toYaml . | nindent 4 }}
    {{- end }}
    {{- if $waits }}
    {{- include "ballast.waitForTables" . | nindent 4 }}
    {{- end }}
  {{- end }}
  containers:
    {{- include "ballast.server" . | nindent 4 }}
    {{- with .Values.sidecars }}
    {{- toYaml . | nindent 4 }}
    {{- end }}
  volumes:
    {{- include "ballast.volumes" . | nindent 4 }}
{{- end }}
