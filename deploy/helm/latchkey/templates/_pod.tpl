{{/* What the pods of the service and of the migration have in common. */}}
{{- define "latchkey.podSpec" -}}
serviceAccountName: {{ toYaml .Values.serviceAccountName }}
automountServiceAccountToken: false
enableServiceLinks: false
{{- with .Values.image.pullSecrets }}
imagePullSecrets:
  {{- range . }}
  - name: {{ toYaml . }}
  {{- end }}
{{- end }}
{{- with .Values.priorityClassName }}
priorityClassName: {{ toYaml . }}
{{- end }}
{{- with .Values.nodeSelector }}
nodeSelector:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .Values.affinity }}
affinity:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .Values.tolerations }}
tolerations:
  {{- toYaml . | nindent 2 }}
{{- end }}
securityContext:
  runAsNonRoot: true
  {{- with .Values.runAsUser }}
  runAsUser: {{ int64 . }}
  runAsGroup: {{ int64 . }}
  fsGroup: {{ int64 . }}
  {{- end }}
  seccompProfile:
    type: RuntimeDefault
{{- if or (include "latchkey.hasSecretFiles" .) .Values.extraVolumes }}
volumes:
  {{- if include "latchkey.hasSecretFiles" . }}
  - name: secrets
    projected:
      defaultMode: 288 # 0440
      sources:
        {{- range $setting, $secret := .Values.secrets }}
        - secret:
            name: {{ toYaml $secret.name }}
            items:
              - key: {{ toYaml $secret.key }}
                path: {{ $setting }}
        {{- end }}
  {{- end }}
  {{- with .Values.extraVolumes }}
  {{- toYaml . | nindent 2 }}
  {{- end }}
{{- end }}
{{- end -}}

{{- define "latchkey.containerSpec" -}}
image: {{ include "latchkey.image" . | quote }}
imagePullPolicy: {{ .Values.image.pullPolicy }}
env:
  {{- include "latchkey.environment" . | trim | nindent 2 }}
securityContext:
  allowPrivilegeEscalation: false
  readOnlyRootFilesystem: true
  capabilities:
    drop:
      - ALL
{{- if or (include "latchkey.hasSecretFiles" .) .Values.extraVolumeMounts }}
volumeMounts:
  {{- if include "latchkey.hasSecretFiles" . }}
  - name: secrets
    mountPath: {{ include "latchkey.secretsFolder" . }}
    readOnly: true
  {{- end }}
  {{- with .Values.extraVolumeMounts }}
  {{- toYaml . | nindent 2 }}
  {{- end }}
{{- end }}
{{- end -}}

{{/* "true" or empty. */}}
{{- define "latchkey.hasSecretFiles" -}}
{{- if and .Values.secrets (eq .Values.secretsAs "files") }}true{{ end -}}
{{- end -}}

{{- define "latchkey.secretsFolder" -}}
/run/secrets/latchkey
{{- end -}}

{{/* The settings are in the pod itself, so that a change of one replaces the pods, and so that the hook before the first
     installation has them. */}}
{{- define "latchkey.environment" -}}
{{- range $setting, $value := .Values.config }}
- name: {{ $setting }}
  value: {{ include "latchkey.setting" $value | quote }}
{{- end }}
{{- if .Values.metrics.enabled }}
- name: METRICS_HOST
  value: {{ .Values.config.HOST | default "0.0.0.0" | quote }}
- name: METRICS_PORT
  value: {{ int64 .Values.metrics.port | quote }}
{{- end }}
{{- range $setting, $secret := .Values.secrets }}
{{- if eq $.Values.secretsAs "files" }}
- name: {{ $setting }}_FILE
  value: {{ include "latchkey.secretsFolder" $ }}/{{ $setting }}
{{- else }}
- name: {{ $setting }}
  valueFrom:
    secretKeyRef:
      name: {{ toYaml $secret.name }}
      key: {{ toYaml $secret.key }}
{{- end }}
{{- end }}
{{- with .Values.extraEnv }}
{{ toYaml . }}
{{- end }}
{{- end -}}

{{/* Helm reads every number as a floating-point number, which it would print as 1e+06. */}}
{{- define "latchkey.setting" -}}
{{- if kindIs "slice" . }}{{ join " " . }}
{{- else if kindIs "float64" . }}{{ int64 . }}
{{- else }}{{ . }}
{{- end }}
{{- end -}}
