import vue from '@vitejs/plugin-vue'
import { defineConfig } from 'vite'

// The application's routes. Everything else is the portal's own; the socket goes to VITE_REVERB_HOST directly.
const application = process.env.PORTAL_BACKEND ?? 'http://127.0.0.1:8080'
const proxy = Object.fromEntries(['/api', '/broadcasting', '/login', '/logout'].map((path) => [path, { target: application }]))

export default defineConfig({
  plugins: [vue()],
  build: { target: 'es2022' },
  server: { proxy },
  preview: { proxy },
})
