/**
 * PostgreSQL's memory parameters from the size of the machine, in MB (PostgreSQL's unit, 2^20 bytes). From the settings, not
 * from /proc/meminfo, so that a plan shows them and containers without limits get sensible ones. Rules of thumb of the
 * PostgreSQL manual ("Resource Consumption"): a quarter of memory for shared buffers, three quarters taken to be cache.
 */
export function memoryParameters(memory: number, maxConnections: number): Record<string, string> {
  const sharedBuffers = Math.floor(memory / 4);
  // What is left of memory, split over every connection using two sort or hash nodes at once.
  const workMem = clamp((memory - sharedBuffers) / (maxConnections * 2), 1, 256);
  return {
    shared_buffers: `${sharedBuffers}MB`,
    effective_cache_size: `${Math.floor((memory * 3) / 4)}MB`,
    work_mem: `${workMem}MB`,
    maintenance_work_mem: `${clamp(memory / 16, 16, 2048)}MB`,
  };
}

const clamp = (value: number, least: number, most: number) => Math.floor(Math.min(Math.max(value, least), most));
