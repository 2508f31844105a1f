{{- define "latchkey.name" -}}
{{- .Values.fullnameOverride | default (contains .Chart.Name .Release.Name | ternary .Release.Name (printf "%s-%s" .Release.Name .Chart.Name)) | trunc 52 | trimSuffix "-" -}}
{{- end -}}

{{/* In all templates toYaml quotes a name that YAML would read as a number or a boolean, such as that of a release 123. */}}

{{/* Labels by which a resource selects the pods of a component, or of all. */}}
{{- define "latchkey.selector" -}}
app.kubernetes.io/name: {{ .context.Chart.Name }}
app.kubernetes.io/instance: {{ .context.Release.Name | toYaml }}
{{- with .component }}
app.kubernetes.io/component: {{ . }}
{{- end }}
{{- end -}}

{{- define "latchkey.labels" -}}
{{ include "latchkey.selector" . }}
app.kubernetes.io/version: {{ .context.Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .context.Release.Service }}
helm.sh/chart: {{ printf "%s-%s" .context.Chart.Name .context.Chart.Version | replace "+" "_" }}
{{- end -}}

{{- define "latchkey.metadata" -}}
name: {{ print (include "latchkey.name" .context) .suffix | toYaml }}
labels:
  {{- include "latchkey.labels" . | nindent 2 }}
{{- end -}}

{{- define "latchkey.image" -}}
{{- .Values.image.repository }}:{{ .Values.image.tag | default .Chart.AppVersion }}
{{- with .Values.image.digest }}@{{ . }}{{ end }}
{{- end -}}

{{/* Name under which clients reach the service: that of its issuer. */}}
{{- define "latchkey.hostname" -}}
{{- (urlParse .Values.config.ISSUER).hostname -}}
{{- end -}}
