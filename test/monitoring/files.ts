import { readFileSync } from 'node:fs'
import { parse } from 'yaml'

/** A rule of deploy/prometheus/rules.yml. */
export interface Rule {
  record?: string
  alert?: string
  expr: string
  for?: string
  labels?: Record<string, string>
  annotations?: Record<string, string>
}

/** A panel of deploy/grafana/latchkey.json. */
export interface Panel {
  id: number
  type: string
  title: string
  description?: string
  gridPos: { x: number; y: number; w: number; h: number }
  fieldConfig?: { defaults: { unit?: string } }
  targets?: { expr: string; legendFormat: string }[]
}

/** Returns all rules, in their order. */
export function readRules(): Rule[] {
  const { groups } = parse(readFileSync('deploy/prometheus/rules.yml', 'utf8')) as {
    groups: { rules: Rule[] }[]
  }
  return groups.flatMap(({ rules }) => rules)
}

/** Returns the names of the alerts. Several rules can have one name. */
export function listAlertNames(): Set<string> {
  return new Set(readRules().flatMap(({ alert }) => alert ?? []))
}

/** Returns the panels, without the titles of the sections. */
export function readPanels(): Panel[] {
  const { panels } = JSON.parse(readFileSync('deploy/grafana/latchkey.json', 'utf8')) as { panels: Panel[] }
  return panels.filter(({ type }) => type !== 'row')
}
