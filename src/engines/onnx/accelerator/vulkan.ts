import { join } from 'node:path';
import type { Host } from './host.ts';
import { splitPath } from './library-search.ts';

/**
 * The description files of Vulkan drivers that the loader would find (Vulkan loader, driver
 * interface): those that the environment names, else those in its folders on Linux.
 */
export function vulkanDrivers(host: Host): readonly string[] {
  const { environment } = host;
  const isFile = (path: string): boolean => path.endsWith('.json') && host.exists(path);
  const within = (path: string): readonly string[] =>
    path.endsWith('.json') ? [path] : host.list(path).map((name) => join(path, name));
  const named = environment.VK_DRIVER_FILES ?? environment.VK_ICD_FILENAMES;
  if (named !== undefined) return splitPath(named).flatMap(within).filter(isFile);
  const home = environment.HOME ?? '';
  const roots = [
    environment.XDG_CONFIG_HOME ?? join(home, '.config'),
    ...splitPath(environment.XDG_CONFIG_DIRS ?? '/etc/xdg'),
    '/etc',
    environment.XDG_DATA_HOME ?? join(home, '.local/share'),
    ...splitPath(environment.XDG_DATA_DIRS ?? '/usr/local/share:/usr/share'),
  ];
  const folders = roots.map((root) => join(root, 'vulkan/icd.d'));
  const added = splitPath(environment.VK_ADD_DRIVER_FILES);
  return [...added, ...folders].flatMap(within).filter(isFile);
}
