import type * as stat from '@grafana/schema/dist/esm/raw/composable/stat/panelcfg/x/StatPanelCfg_types.gen'
import type * as timeseries from '@grafana/schema/dist/esm/raw/composable/timeseries/panelcfg/x/TimeSeriesPanelCfg_types.gen'
import type {
  Dashboard,
  DataSourceRef,
  FieldConfig,
  FieldConfigSource,
  Panel,
  RowPanel,
} from '@grafana/schema/dist/esm/raw/dashboard/x/Dashboard_types.gen'

/** Grafana's schema of dashboards, narrowed to the kinds of panels that are used: it leaves open what each kind has. */
export type DashboardSchema = Omit<Dashboard, 'panels'> & {
  panels: (
    | RowPanel
    | PanelOf<'stat', stat.Options, never>
    | PanelOf<'timeseries', timeseries.Options, timeseries.FieldConfig>
  )[]
}

type PanelOf<Type, Options, Custom> = Omit<Panel, 'type' | 'options' | 'fieldConfig' | 'targets'> & {
  type: Type
  options: Options
  fieldConfig: Omit<FieldConfigSource, 'defaults'> & {
    defaults: Omit<FieldConfig, 'custom'> & { custom?: Custom }
  }
  targets: PrometheusQuery[]
}

/** A query, which the schema leaves to the data source. */
interface PrometheusQuery {
  refId: string
  datasource: DataSourceRef
  expr: string
  legendFormat: string
  instant?: boolean
  range?: boolean
}
