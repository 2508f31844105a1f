/** Folders of the packages that are published beside the service. */
export const workspaces = ['packages/client', 'packages/verify']
