@echo off
rem Starts odysseus with this folder as its HOME: bin\, models\, logs\ and data\ lie here, and nothing anywhere else.
rem
rem   start.bat [odysseus options]
rem
rem An odysseus.exe beside this file (from a release) is used as it is. Else the first run builds one: that needs Visual
rem Studio 2022 with "Desktop development with C++" (it brings CMake, Ninja and vcpkg). The exit code is odysseus's.
setlocal EnableExtensions
set "ROOT=%~dp0"
if "%ROOT:~-1%"=="\" set "ROOT=%ROOT:~0,-1%"
set "PROGRAM=%ROOT%\odysseus.exe"
if exist "%PROGRAM%" goto run
set "PROGRAM=%ROOT%\build\release\odysseus.exe"

rem The compiler: this shell's own, or the newest Visual Studio's.
where cl >nul 2>nul && goto tools
set "VSWHERE=%ProgramFiles(x86)%\Microsoft Visual Studio\Installer\vswhere.exe"
if not exist "%VSWHERE%" goto needs
for /f "usebackq delims=" %%d in (`"%VSWHERE%" -latest -products * -requires Microsoft.VisualStudio.Component.VC.Tools.x86.x64 -property installationPath`) do set "VS=%%d"
if not defined VS goto needs
call "%VS%\Common7\Tools\VsDevCmd.bat" -arch=amd64 -host_arch=amd64 -no_logo || goto needs

:tools
where cmake >nul 2>nul || goto needs
where ninja >nul 2>nul || goto needs
if not defined VCPKG_ROOT goto needs
if exist "%ROOT%\build\release\build.ninja" goto build
echo start.bat: setting up the build; the first time, vcpkg builds the libraries ^(some minutes^) 1>&2
pushd "%ROOT%" || exit /b 1
cmake --preset release "-DCMAKE_TOOLCHAIN_FILE=%VCPKG_ROOT%\scripts\buildsystems\vcpkg.cmake" 1>&2
set "FAILED=%ERRORLEVEL%"
popd
if not "%FAILED%"=="0" exit /b 1

:build
cmake --build "%ROOT%\build\release" 1>&2
if errorlevel 1 exit /b 1

:run
if defined ODYSSEUS_HOME (
    "%PROGRAM%" %*
) else (
    "%PROGRAM%" --home "%ROOT%" %*
)
exit /b %ERRORLEVEL%

:needs
echo start.bat: a build needs Visual Studio 2022 with "Desktop development with C++", CMake, Ninja and vcpkg 1>&2
echo start.bat: (VCPKG_ROOT names vcpkg's folder). Or put a released odysseus.exe beside this file. 1>&2
exit /b 1
